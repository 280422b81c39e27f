import type { Context, Middleware } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { Message, MessageTransform } from '../contract/message.js'
import {
  callable,
  checkOptions,
  filledText,
  listOf,
  membersOf,
  type OptionTypes,
  optional,
} from '../contract/option-types.js'
import { recordRefusal } from '../contract/request-record.js'
import { jsonRpcError, jsonRpcErrorBody } from '../http/json-rpc-error.js'
import { member, type Span } from '../json/json-scan.js'
import { splice } from '../json/splice.js'
import { messageParts } from '../message/message-parts.js'
import { parseMessage } from '../message/parse-message.js'
import { gatewayCode } from '../protocol/error-codes.js'
import type { Guard, GuardEvent } from './guard.js'
import { inspect } from './inspect.js'

/** Who hears of findings. */
export interface GuardsOptions {
  /** Hears of each finding, also of those that are only flagged. */
  readonly onFinding?: (event: GuardEvent) => void
}

/** Requests whose parameters a person or a model has filled in, and whose answers are data. */
const guarded: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read', 'completion/complete'])

/** Where data is in the parameters of a request. */
const dataMembers = ['arguments', 'argument', 'context', 'inputResponses']

/**
 * Lets guards look at the arguments of tools and prompts, at what a user answers to a server's questions, and at all that comes
 * back: content, structured content, progress and log messages, in JSON and in event streams. A guard blocks, masks or flags;
 * what none of them replaces keeps its bytes. It stands behind `message` and in front of `policy`.
 *
 * Blocked arguments answer with the JSON-RPC error -31403, and so does a blocked result; of a tool it is a result with `isError`.
 * Arguments that are mirrored by headers cannot be masked and are blocked instead.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const guarded = compose([message(), guards([secrets({ action: 'block' }), personalData()])], handler)
 * ```
 */
export function guards(list: readonly Guard[], options: GuardsOptions = {}): Middleware {
  listOf(guardType, 'a list of guards')(list, 'The guards of guards')
  checkOptions('guards', options, types)
  const own = [...list]

  return async (request, context, next) => {
    const { message } = context
    if (message === undefined) {
      if (request.method === 'POST') throw invalidConfiguration('guards must stand behind message')
      return next(request, withTransform(context, transform(context, undefined)))
    }
    const { method = '', kind, name } = message
    if (kind !== 'response' && !guarded.has(method)) {
      return method === 'subscriptions/listen' || method === 'tasks/result' || method === 'tasks/update'
        ? next(request, withTransform(context, transform(context, message)))
        : next(request, context)
    }
    const call = { direction: 'arguments' as const, method, ...(name !== undefined && { name }) }
    const { blocked, edits } = await inspect(own, message.bytes, argumentsOf(message), call, tell(context))
    if (blocked !== undefined) return refuse(context, message, blocked)
    if (edits.length === 0) return next(request, withTransform(context, transform(context, message)))
    if ([...request.headers.keys()].some((header) => header.startsWith('mcp-param-'))) {
      return refuse(context, message, { guard: 'guards', reason: 'Arguments that headers repeat cannot be masked' })
    }
    const bytes = splice(message.bytes, edits, (length) => new Uint8Array(length))
    const masked = parseMessage(bytes, { protocolVersion: message.protocolVersion })
    return next(request, withTransform({ ...context, message: masked }, transform(context, masked)))
  }

  function tell(context: Context): (event: GuardEvent) => void {
    return (event) => {
      const { guard, action, direction, method, name, reason } = event
      context.logger?.warn({ guard, action, direction, method, target: name, reason }, 'a guard found something')
      options.onFinding?.(event)
    }
  }

  function transform(context: Context, asked: Message | undefined): MessageTransform {
    return async (message) => {
      const parts = messageParts(message.bytes)
      if ('why' in parts) return message
      const spans = [parts.result, parts.params, member(message.bytes, parts.error, 'data')].filter(
        (one) => one !== undefined,
      )
      const name = asked?.name
      const call = { direction: 'result' as const, method: asked?.method ?? '', ...(name !== undefined && { name }) }
      const { blocked, edits } = await inspect(own, message.bytes, spans, call, tell(context))
      if (blocked !== undefined) return withhold(context, message, asked, blocked)
      if (edits.length === 0) return message
      return parseMessage(splice(message.bytes, edits, (length) => new Uint8Array(length)))
    }
  }
}

const guardType = membersOf<Guard>({ name: filledText, text: optional(callable), size: optional(callable) })

const types: OptionTypes<GuardsOptions> = { onFinding: optional(callable) }

interface Blocked {
  readonly guard: string
  readonly reason: string
}

function withTransform(context: Context, transform: MessageTransform): Context {
  return { ...context, transforms: [...(context.transforms ?? []), transform] }
}

/** The values that came from a person or a model. */
function argumentsOf({ bytes }: Message): Span[] {
  const parts = messageParts(bytes)
  if ('why' in parts) return []
  const spans = dataMembers.map((name) => member(bytes, parts.params, name))
  return [...spans, parts.result].filter((span) => span !== undefined)
}

function refuse({ record }: Context, message: Message, blocked: Blocked): Response {
  note(record, blocked)
  if (message.kind !== 'request') return new Response(null, { status: 202 })
  const text = `The guard ${blocked.guard} does not let these arguments pass`
  return jsonRpcError({ status: 200, code: gatewayCode(403), message: text, id: message.id })
}

/** What replaces a result; a notification is dropped. */
function withhold(
  { record }: Context,
  message: Message,
  asked: Message | undefined,
  blocked: Blocked,
): Message | undefined {
  note(record, blocked)
  if (message.kind !== 'response') return undefined
  const { id = null } = message
  const text = `The guard ${blocked.guard} does not let this result pass`
  if (asked?.method !== 'tools/call') {
    return message.with(jsonRpcErrorBody({ status: 200, code: gatewayCode(403), message: text, id }))
  }
  const complete = asked.era === 'modern' ? { resultType: 'complete' } : {}
  return message.with({ jsonrpc: '2.0', id, result: { ...complete, content: [{ type: 'text', text }], isError: true } })
}

function note(record: Context['record'], { guard, reason }: Blocked): void {
  recordRefusal(record, { by: 'guards', code: guard, reason })
}
