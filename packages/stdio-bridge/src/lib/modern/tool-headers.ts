import { type HeaderParameter, headerParameters } from './header-parameters.js'
import type { ToolLists } from './tool-lists.js'

const maxPages = 100
/** However short-lived a server calls its list, it is not asked for more often than this, in ms. */
const shortest = 1000
const longest = 3_600_000

type Tools = ReadonlyMap<string, readonly HeaderParameter[]>

/**
 * Which arguments of a child's tools are mirrored by headers, from its `tools/list`: read at the first call, and again
 * when the list has changed or its time is over.
 */
export class ToolHeaders {
  readonly #lists: ToolLists
  #tools: Promise<Tools> | undefined
  #expires = 0
  #isListening = false

  constructor(lists: ToolLists) {
    this.#lists = lists
  }

  /** The mirrored arguments of this tool; none for a tool that is not in the list. */
  async of(tool: string): Promise<readonly HeaderParameter[]> {
    if (this.#tools === undefined || performance.now() > this.#expires) {
      this.#expires = Number.POSITIVE_INFINITY
      this.#tools = this.#read()
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
    let lifetime = longest
    for (let page = 0; page < maxPages; page++) {
      const { tools: listed, ttlMs, nextCursor } = (await this.#lists.page(cursor)) ?? {}
      for (const tool of Array.isArray(listed) ? listed : []) {
        const parameters = headerParameters(tool?.inputSchema)
        if (typeof tool?.name === 'string' && parameters.length > 0) tools.set(tool.name, parameters)
      }
      lifetime = Math.min(lifetime, typeof ttlMs === 'number' ? ttlMs : this.#lists.lifetime)
      if (typeof nextCursor !== 'string') break
      cursor = nextCursor
    }
    // A change that was told meanwhile has set it to 0 already
    if (this.#expires > 0) this.#expires = performance.now() + Math.max(shortest, lifetime)
    return tools
  }
}
