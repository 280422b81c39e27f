import type { Message } from '../contract/message.js'
import { checkHeaderParameters, type HeaderParameter, headerParameters, mirrorArguments } from './header-parameters.js'

/** Where the list of a server's tools is had from. */
export interface ToolLists {
  /** One page of `tools/list`; `undefined` where the server does not answer. How long it holds is its `ttlMs`. */
  page(cursor: string | undefined): Promise<Readonly<Record<string, unknown>> | undefined>
  /** Tells when the list has changed, where the server tells that. */
  onChange(changed: () => void): void
}

const maxPages = 100
/** However short-lived a server calls its list, it is not asked for more often than this, in ms. */
const shortest = 1000
const maxLifetimeMs = 3_600_000

type Tools = ReadonlyMap<string, readonly HeaderParameter[]>

/**
 * Which arguments of a server's tools are mirrored by headers, from its `tools/list`: read at the first call, and again
 * when the list has changed or its time is over. What a server lists may depend on who asks: where it does, each of them
 * needs one of these.
 *
 * @see MCP 2026-07-28, custom parameter headers; rule M10
 * @example
 * ```ts
 * async function check(server: EraServer, call: Message, headers: Headers) {
 *   return new ToolHeaders(listTools(server)).mismatch(call, headers)
 * }
 * ```
 */
export class ToolHeaders {
  readonly #lists: ToolLists
  #tools: Promise<Tools> | undefined
  #expires = 0
  #isListening = false

  constructor(lists: ToolLists) {
    this.#lists = lists
  }

  /**
   * Compares the headers that came with a message with the arguments in it, if it is a call of a tool that wants them.
   *
   * @returns what is wrong, for the answer 400 with code -32020, or `undefined`
   */
  async mismatch(message: Message, headers: Headers): Promise<string | undefined> {
    if (message.method !== 'tools/call') return undefined
    const parameters = await this.of(message.name ?? '')
    if (parameters.length === 0) return undefined
    return checkHeaderParameters(parameters, message.json().params?.arguments, headers)
  }

  /** The headers that a message needs, if it is a call of a tool that wants some, with their values not yet encoded. */
  async mirrored(message: Message): Promise<[string, string][]> {
    if (message.method !== 'tools/call') return []
    const parameters = await this.of(message.name ?? '')
    return parameters.length === 0 ? [] : mirrorArguments(parameters, message.json().params?.arguments)
  }

  /** The mirrored arguments of this tool; none for a tool that is not in the list. */
  async of(tool: string): Promise<readonly HeaderParameter[]> {
    if (this.#tools === undefined || performance.now() > this.#expires) {
      this.#expires = Number.POSITIVE_INFINITY
      const reading = this.#read()
      this.#tools = reading
      // A list that could not be read once is read again
      reading.catch(() => {
        if (this.#tools === reading) this.#tools = undefined
      })
      this.#listen()
    }
    return (await this.#tools).get(tool) ?? []
  }

  #listen(): void {
    if (this.#isListening) return
    this.#isListening = true
    this.#lists.onChange(() => {
      this.#expires = 0
    })
  }

  async #read(): Promise<Tools> {
    const tools = new Map<string, readonly HeaderParameter[]>()
    let cursor: string | undefined
    let lifetime = maxLifetimeMs
    for (let page = 0; page < maxPages; page++) {
      const { tools: listed, ttlMs, nextCursor } = (await this.#lists.page(cursor)) ?? {}
      for (const tool of Array.isArray(listed) ? listed : []) {
        const parameters = headerParameters(tool?.inputSchema)
        if (typeof tool?.name === 'string' && parameters.length > 0) tools.set(tool.name, parameters)
      }
      lifetime = Math.min(lifetime, typeof ttlMs === 'number' ? ttlMs : 0)
      if (typeof nextCursor !== 'string') break
      cursor = nextCursor
    }
    // A change that was told meanwhile has set it to 0 already
    if (this.#expires > 0) this.#expires = performance.now() + Math.max(shortest, lifetime)
    return tools
  }
}
