import { BoundedMap } from '../cache/bounded-map.js'
import { isWithin } from '../cache/is-within.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Storage } from '../contract/storage.js'
import { sha256Hex } from '../text/sha256.js'
import type { ToolDefinition } from './definition.js'

/** What is known of a tool: the definition that may be used, and the one that waits for approval. Digests. */
export interface Pin {
  readonly approved?: string
  readonly pending?: string
}

/** The pins of a server, by the names of its tools. */
export interface ServerPins {
  readonly server: string
  readonly tools: Readonly<Record<string, Pin>>
}

/** Tools of a server that are remembered; more are held back. */
const maxTools = 10_000
const maxTries = 20
/** The list in the storage with all servers that have pins. */
const allServers = 'pins'
const forever = { ttl: null }

/** Keeps pins in a storage that replicas share. A replica sees what another one wrote `maxAge` seconds later at most. */
export class PinStore {
  readonly #storage: Storage
  readonly #maxAge: number
  readonly #kept = new BoundedMap<{ readonly pins: ServerPins; readonly readAt: number }>(1000)

  constructor(storage: Storage, maxAge: number) {
    this.#storage = storage
    this.#maxAge = maxAge
  }

  /** The pins of a server, as they were at most `maxAge` ago. */
  async pins(server: string): Promise<ServerPins> {
    const kept = this.#kept.get(server)
    if (kept !== undefined && isWithin(seconds(), kept.readAt, this.#maxAge)) return kept.pins
    return (await this.#read(server)).pins
  }

  /**
   * Writes down what a server lists now.
   *
   * @param trusts whether a tool that was never seen may be used at once
   * @returns the pins as they are then, and the names of those that changed or are new and wait
   */
  async see(
    server: string,
    definitions: readonly ToolDefinition[],
    trusts: boolean,
  ): Promise<{ readonly pins: ServerPins; readonly held: readonly string[] }> {
    const known = await this.pins(server)
    if (definitions.every((one) => isKnown(pinOf(known, one.name), one.digest))) return { pins: known, held: [] }
    const news = definitions.filter(({ name, digest }) => !isKnown(pinOf(known, name), digest))
    // What an approval is about must be there before the approval can be given
    for (const { digest, text } of news) await this.#storage.set(await this.#keyOf(server, digest), text, forever)
    const held = new Set<string>()
    let dropped: string[] = []
    const pins = await this.#update(server, (before) => {
      held.clear()
      dropped = []
      const tools = new Map(Object.entries(before.tools))
      for (const { name, digest } of news) {
        const pin = tools.get(name)
        if (isKnown(pin, digest) || (pin === undefined && tools.size >= maxTools)) continue
        if (pin === undefined && trusts) tools.set(name, { approved: digest })
        else {
          if (pin?.pending !== undefined) dropped.push(pin.pending)
          tools.set(name, { ...pin, pending: digest })
          held.add(name)
        }
      }
      return { server, tools: Object.fromEntries(tools) }
    })
    await this.#forget(server, dropped)
    return { pins, held: [...held] }
  }

  /** @returns whether this was what waited */
  async approve(server: string, name: string, digest: string): Promise<boolean> {
    let isDone = false
    let replaced: string | undefined
    await this.#update(server, (before) => {
      const pin = pinOf(before, name)
      isDone = pin?.pending === digest
      replaced = pin?.approved
      return isDone ? { server, tools: { ...before.tools, [name]: { approved: digest } } } : undefined
    })
    if (isDone && replaced !== undefined) await this.#forget(server, [replaced])
    return isDone
  }

  /** Canonical JSON of a definition that was seen. */
  async definition(server: string, digest: string): Promise<string | undefined> {
    return (await this.#storage.get(await this.#keyOf(server, digest)))?.value
  }

  /** The pins of all servers, from the storage. */
  async *all(): AsyncGenerator<ServerPins> {
    let cursor: string | undefined
    do {
      const page = await this.#storage.list(allServers, cursor === undefined ? {} : { cursor })
      for (const key of page.keys) {
        const entry = await this.#storage.get(key)
        if (entry !== undefined) yield JSON.parse(entry.value) as ServerPins
      }
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  async #read(server: string): Promise<{ readonly pins: ServerPins; readonly version: string | undefined }> {
    const entry = await this.#storage.get(await this.#keyOf(server))
    const pins: ServerPins = entry === undefined ? { server, tools: {} } : JSON.parse(entry.value)
    this.#kept.set(server, { pins, readAt: seconds() })
    return { pins, version: entry?.version }
  }

  /** @param change `undefined` for none */
  async #update(server: string, change: (before: ServerPins) => ServerPins | undefined): Promise<ServerPins> {
    const key = await this.#keyOf(server)
    for (let attempt = 0; attempt < maxTries; attempt++) {
      const { pins, version } = await this.#read(server)
      const after = change(pins)
      if (after === undefined) return pins
      const value = JSON.stringify(after)
      if (await this.#storage.compareAndSet(key, version, value, { ttl: null, lists: [allServers] })) {
        this.#kept.set(server, { pins: after, readAt: seconds() })
        return after
      }
    }
    throw new GatewayError('temporarily_unavailable', 'The pins of a server are written by too many at the same time')
  }

  /** Definitions that nobody compares with any more. One that is seen again is written again. */
  async #forget(server: string, digests: readonly string[]): Promise<void> {
    for (const digest of digests) await this.#storage.delete(await this.#keyOf(server, digest))
  }

  async #keyOf(server: string, digest?: string): Promise<string> {
    const key = `pins:${(await sha256Hex(server)).slice(0, 32)}`
    return digest === undefined ? key : `${key}:${digest}`
  }
}

/** The pin of a tool, whatever its name. */
export function pinOf({ tools }: ServerPins, name: string): Pin | undefined {
  return Object.hasOwn(tools, name) ? tools[name] : undefined
}

function isKnown(pin: Pin | undefined, digest: string): boolean {
  return pin !== undefined && (pin.approved === digest || pin.pending === digest)
}

function seconds(): number {
  return performance.now() / 1000
}
