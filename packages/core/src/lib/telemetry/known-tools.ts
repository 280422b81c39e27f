import type { Message } from '../contract/message.js'
import type { RequestRecord } from '../contract/request-record.js'
import { isObject } from '../json/is-object.js'

/** Bytes of a list that is looked into. */
const maxListing = 1_048_576
const maxName = 128

/**
 * The names of tools that may stand in labels: those that a server has listed, or has run without an error. Names that a
 * client invents are none, and of one server at most a fixed number is known.
 */
export class KnownTools {
  readonly #servers = new Map<string, Set<string>>()
  readonly #max: number

  /** @param max names of one server */
  constructor(max: number) {
    this.#max = max
  }

  /** Learns from an answer of a server. */
  learn({ message, route, answer }: RequestRecord, response: Message): void {
    if (route?.kind !== 'server' || route.path === undefined || answer?.kind !== 'result') return
    if (message?.method === 'tools/call' && message.target !== undefined) this.#add(route.path, message.target)
    if (message?.method !== 'tools/list' || response.bytes.length > maxListing) return
    const { result } = response.json()
    const tools: unknown = isObject(result) ? result.tools : undefined
    if (!Array.isArray(tools)) return
    for (const tool of tools) if (isObject(tool) && typeof tool.name === 'string') this.#add(route.path, tool.name)
  }

  /** The name, `_unknown` for one that the server is not known to have, or `_other` beyond the number that is kept. */
  labelOf(server: string, name: string): string {
    const names = this.#servers.get(server)
    if (names?.has(name)) return name
    return names !== undefined && names.size >= this.#max ? '_other' : '_unknown'
  }

  // Servers are those of the configuration
  #add(server: string, name: string): void {
    const names = this.#servers.get(server) ?? new Set()
    this.#servers.set(server, names)
    if (name.length <= maxName && names.size < this.#max) names.add(name)
  }
}
