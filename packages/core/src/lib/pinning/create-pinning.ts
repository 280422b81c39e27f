import { SizedMap } from '../cache/sized-map.js'
import { Catalogue, type Listing } from '../catalogue/catalogue.js'
import { type ScannedLists, scanLists } from '../catalogue/scan-lists.js'
import type { Check } from '../contract/check.js'
import type { Context, Handler, Middleware } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { Message, MessageTransform } from '../contract/message.js'
import {
  callable,
  checkOptions,
  filledText,
  type OptionTypes,
  oneOf,
  optional,
  positive,
} from '../contract/option-types.js'
import { recordRefusal } from '../contract/request-record.js'
import { storageType } from '../contract/shared-option-types.js'
import type { Storage } from '../contract/storage.js'
import { jsonRpcError, jsonRpcErrorBody } from '../http/json-rpc-error.js'
import { equalBytes } from '../json/equal-bytes.js'
import { at } from '../json/raw-json.js'
import { withBytes } from '../message/parse-message.js'
import { withoutHidden } from '../policy/filter-lists.js'
import { ListedParts } from '../policy/listed-parts.js'
import { policySubject } from '../policy/policy-subject.js'
import { unknownAnswer } from '../policy/refusals.js'
import { checkStorage } from '../storage/check-storage.js'
import { type Difference, definitionOf, differencesOf, type ToolDefinition } from './definition.js'
import { PinStore, pinOf } from './pin-store.js'

/** How tools are pinned. */
export interface PinningOptions {
  /** Where approvals are kept; replicas share them. */
  readonly storage: Storage
  /**
   * What becomes of a tool that was never seen: with `first-use` it may be used as it is seen first, with `approval` it waits. A
   * tool that has changed waits in any case.
   *
   * @default 'first-use'
   */
  readonly mode?: 'first-use' | 'approval'
  /**
   * Seconds after which a replica knows of an approval that another one was given.
   *
   * @default 5
   */
  readonly maxAge?: number
  /** The server as pins know it; the protected resource by default. Needed where nothing in front sets one. */
  readonly server?: string
  /** Hears of each tool that begins to wait. */
  readonly onHeld?: (tool: { readonly server: string; readonly name: string }) => void
}

/** A tool that waits for approval. */
export interface HeldTool {
  readonly server: string
  readonly name: string
  /** What is to be approved: this definition and no other. */
  readonly digest: string
  /** Whether no definition of it was approved before. */
  readonly isNew: boolean
  /** What is different from what was approved. It is foreign text: show it as such. */
  readonly differences: readonly Difference[]
}

/** Pins of tools, and what operators do with them. */
export interface Pinning {
  /** Stands in front of a server: behind `message` and in front of `policy`. */
  readonly guard: Middleware
  /** The tools that wait for approval, of all servers. */
  held(): Promise<HeldTool[]>
  /**
   * Approves a definition that waits. The digest says which one was looked at: a definition that has changed again since is not
   * approved.
   *
   * @returns whether this definition waited
   */
  approve(tool: { readonly server: string; readonly name: string; readonly digest: string }): Promise<boolean>
  /** Whether the storage works. */
  readonly check: Check
}

/**
 * Pins the tools of servers: what a tool says of itself is remembered when it is first used or approved, and a tool that says
 * something else later is neither listed nor callable until somebody has approved the difference. For a caller it does not
 * exist. What counts is the name, title, description, both schemas, annotations and `_meta.ui`, for each server by itself.
 *
 * It does not look at what a tool does. A change is seen when the list is read, which is at most 10 seconds before a call. Do not
 * pin servers whose descriptions differ from caller to caller. Answers 503 while the storage does not work.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const pins = createPinning({ storage })
 * const guarded = compose([bearerAuth({ verifier, resource }), message(), pins.guard], proxy('http://notes.internal:3000/mcp'))
 * for (const { name, differences } of await pins.held()) console.log(name, differences)
 * ```
 */
export function createPinning(options: PinningOptions): Pinning {
  checkOptions('createPinning', options, types)
  const { storage, mode = 'first-use', maxAge = 5, onHeld } = options
  const store = new PinStore(storage, maxAge)
  const parts = new ListedParts(new Catalogue({ maxAge: 10, cooldown: 2 }))
  const digests = new SizedMap<{ readonly bytes: Uint8Array; readonly definition: ToolDefinition | undefined }>(
    maxDigests,
  )

  const askerOf = ({ auth, resource }: Context) => {
    const server = options.server ?? resource
    if (server === undefined)
      throw invalidConfiguration('createPinning: guard must stand behind bearerAuth, or server be given')
    return { server, subject: policySubject(auth) }
  }
  /** To read a definition costs more than to see that it is the same as before. */
  const define = async (server: string, name: string, bytes: Uint8Array): Promise<ToolDefinition | undefined> => {
    const key = `${server} ${name}`
    const kept = digests.get(key)
    if (kept !== undefined && equalBytes(kept.bytes, bytes)) return kept.definition
    const definition = await definitionOf(bytes)
    digests.set(key, { bytes: bytes.slice(), definition }, 2 * bytes.length)
    return definition
  }
  /** Which of some tools may be used; each is written down. */
  const usable = async (server: string, tools: readonly Tool[], context: Context): Promise<ReadonlySet<string>> => {
    const found = new Map<string, ToolDefinition | undefined>()
    for (const { name, bytes } of tools) {
      const definition = await define(server, name, bytes)
      // Of two tools of one name nobody knows which one is called
      found.set(name, found.has(name) && found.get(name)?.digest !== definition?.digest ? undefined : definition)
    }
    const definitions = [...found.values()].filter((one) => one !== undefined)
    const { pins, held } = await store.see(server, definitions, mode === 'first-use')
    for (const name of held) {
      context.logger?.warn({ server, tool: name }, 'a tool waits for approval, since it is new or has changed')
      onHeld?.({ server, name })
    }
    return new Set(
      definitions.filter(({ name, digest }) => pinOf(pins, name)?.approved === digest).map(({ name }) => name),
    )
  }

  const transform = (context: Context, session: string | null, asked: Message | undefined): MessageTransform => {
    const asker = askerOf(context)
    return async (message) => {
      if (message.method === 'notifications/tools/list_changed') parts.changed('tool', asker, session, asked)
      if (message.kind !== 'response') return message
      const { bytes } = message
      const scanned = scanLists(bytes)
      const lists = scanned.lists.filter(({ kind }) => kind === 'tool')
      if (lists.length === 0) return message
      if (asked !== undefined && message.id === asked.id) parts.learn(asker, session, asked, { bytes, scanned })
      try {
        const names = await usable(
          asker.server,
          lists.flatMap((list) => toolsOf(bytes, list)),
          context,
        )
        return changed(message, scanned, names)
      } catch (error) {
        context.logger?.error({ err: error }, 'pins could not be read or written')
        return message.with(jsonRpcErrorBody({ status: 503, message: unavailable, id: message.id }))
      }
    }
  }

  const call = async (request: Request, context: Context, next: Handler, message: Message): Promise<Response> => {
    const { name = '' } = message
    const asker = askerOf(context)
    let isApproved: boolean
    try {
      const listing = await parts.of('tool', asker, { request, context, next }).get()
      isApproved = listing !== undefined && (await isUsable(asker.server, name, listing, context))
    } catch (error) {
      context.logger?.error({ err: error }, 'pins could not be read or written')
      recordRefusal(context.record, { by: 'pinning', code: 'pins_unavailable' }, 'error')
      return jsonRpcError({ status: 503, message: unavailable, id: message.id }, { 'Retry-After': '5' })
    }
    if (isApproved) return next(request, context)
    recordRefusal(context.record, {
      by: 'pinning',
      code: 'not_approved',
      reason: 'The tool is not listed, or waits for approval',
    })
    if (message.kind !== 'request') return new Response(null, { status: 202 })
    return unknownAnswer(message, { questions: [], item: { kind: 'tool', name } }) as Response
  }
  const isUsable = async (server: string, name: string, listing: Listing, context: Context): Promise<boolean> => {
    const found = listing.items.get(name)
    if (found === undefined || listing.repeated.has(name)) return false
    return (await usable(server, [{ name, bytes: at(found.page, found.item) }], context)).has(name)
  }

  return {
    guard: (request, context, next) => {
      const { message } = context
      if (message === undefined && request.method === 'POST') {
        throw invalidConfiguration('createPinning: guard must stand behind message')
      }
      if (message?.method === 'tools/call') return call(request, context, next, message)
      if (message === undefined ? request.method !== 'GET' : !followed.has(message.method))
        return next(request, context)
      const pins = transform(context, request.headers.get('mcp-session-id'), message)
      return next(request, { ...context, transforms: [...(context.transforms ?? []), pins] })
    },
    held: async () => {
      const tools: HeldTool[] = []
      for await (const pins of store.all()) tools.push(...(await heldOf(store, pins)))
      return tools
    },
    approve: ({ server, name, digest }) => store.approve(server, name, digest),
    check: () => checkStorage(storage),
  }
}

const unavailable = 'The pins of the tools cannot be read now; try again'
/** Bytes of definitions whose digest is remembered. */
const maxDigests = 33_554_432

const followed: ReadonlySet<string | undefined> = new Set(['tools/list', 'subscriptions/listen'])

const types: OptionTypes<PinningOptions> = {
  storage: storageType,
  mode: optional(oneOf('first-use', 'approval')),
  maxAge: optional(positive),
  server: optional(filledText),
  onHeld: optional(callable),
}

interface Tool {
  readonly name: string
  readonly bytes: Uint8Array
}

function toolsOf(bytes: Uint8Array, { items }: ScannedLists['lists'][number]): Tool[] {
  return items.flatMap((item) => (item.name === undefined ? [] : [{ name: item.name, bytes: at(bytes, item) }]))
}

function changed(message: Message, scanned: ScannedLists, names: ReadonlySet<string>): Message {
  const { bytes } = message
  const filtered = withoutHidden(bytes, scanned, (list, item) => {
    const { kind, items } = scanned.lists[list] as ScannedLists['lists'][number]
    return kind !== 'tool' || names.has(items[item]?.name ?? '')
  })
  return filtered === bytes ? message : withBytes(message, filtered)
}

async function heldOf(
  store: PinStore,
  pins: { readonly server: string; readonly tools: Readonly<Record<string, { approved?: string; pending?: string }>> },
): Promise<HeldTool[]> {
  const { server } = pins
  const held: HeldTool[] = []
  for (const [name, { approved, pending }] of Object.entries(pins.tools)) {
    if (pending === undefined) continue
    const after = await store.definition(server, pending)
    if (after === undefined) continue
    const before = approved === undefined ? undefined : await store.definition(server, approved)
    held.push({
      server,
      name,
      digest: pending,
      isNew: approved === undefined,
      differences: differencesOf(before, after),
    })
  }
  return held
}
