import type { Outcome } from './person.js'

/** What the walks ask of every MCP client, however it is built. */
export interface WalkClient {
  /** The name that the MCP server gave in `initialize`. */
  readonly serverName: string | undefined
  listTools(): Promise<string[]>
  /** Calls a tool and resolves to the text of its result; `onProgress` hears of each step. */
  callTool(name: string, args?: Record<string, unknown>, onProgress?: (progress: number) => void): Promise<string>
  /** What the client was asked to fill in, in words. Each question was answered with `answer`, others with `sampled`. */
  readonly questions: readonly string[]
  /** Ends the client, and before that its session with a DELETE where the client can do that. */
  close(): Promise<void>
}

/** Sends a person to a URL, and resolves when the client is called back. */
export type Authorize = (url: URL) => Promise<Outcome>

/** A client, and how it got there. */
export interface ConnectedClient {
  readonly client: WalkClient
  /** Every request that the client made, oldest first; it grows. Empty where the client is another process. */
  readonly exchanges: readonly Exchange[]
  /** What the person saw, where they were needed. */
  readonly outcome: Outcome | undefined
}

/** The answer that the clients give to an elicitation. */
export const answer = { name: 'Ada Lovelace', check: true }

/** What the model of the clients says, whatever it is asked. */
export const sampled = {
  model: 'walking-model',
  role: 'assistant' as const,
  content: { type: 'text' as const, text: 'forty-two' },
  stopReason: 'endTurn' as const,
}

/** One request that a client made, as its network saw it. */
export interface Exchange {
  readonly method: string
  readonly url: URL
  readonly status: number
  /** The `Authorization` header. */
  readonly authorization: string | null
  readonly requestBody: string
  readonly responseHeaders: Headers
}

/** `fetch`, with a record of what went through it. */
export function recordingFetch(): { fetch: typeof fetch; exchanges: Exchange[] } {
  const exchanges: Exchange[] = []
  return {
    exchanges,
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const requestBody = request.method === 'POST' ? await request.clone().text() : ''
      const response = await fetch(request)
      exchanges.push({
        method: request.method,
        url: new URL(request.url),
        status: response.status,
        authorization: request.headers.get('authorization'),
        requestBody,
        responseHeaders: response.headers,
      })
      return response
    },
  }
}
