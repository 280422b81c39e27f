import type { JsonRpcMessage } from '../contract/message.js'
import type { FetchServer } from '../message/from-fetch-server.js'
import { errorCodes } from '../protocol/error-codes.js'
import { eraOf, legacyVersions, modernVersions, newestLegacy } from '../protocol/revisions.js'
import type { MswHttp } from './msw.js'

/** A tool of a fake server: gets its arguments and the request's headers, and returns text or a whole result. */
export type FakeTool = (args: Record<string, unknown>, headers: Headers) => unknown

/** How a fake MCP server is set up. */
export interface FakeMcpServerOptions {
  /**
   * Where msw finds it.
   *
   * @default https://upstream.test/mcp
   */
  readonly url?: string
  /** Its tools by name; one `echo` that returns its arguments by default. */
  readonly tools?: Readonly<Record<string, FakeTool>>
  /** The eras it speaks; both by default. */
  readonly eras?: readonly ('legacy' | 'modern')[]
  /** Whether requests are answered as events instead of JSON. */
  readonly stream?: boolean
  /** Whether it gives out session ids and asks for them (legacy era). */
  readonly sessions?: boolean
}

/** What a fake server was sent. */
export interface FakeMcpRequest {
  readonly method: string
  readonly headers: Headers
  readonly message?: JsonRpcMessage
}

/** An MCP server that exists in a test only. */
export interface FakeMcpServer extends FetchServer {
  readonly url: string
  /** As a handler for msw: `setupServer(...upstream.handlers(http))`. */
  readonly handlers: <H>(http: MswHttp<H>) => H[]
  /** Everything it was sent, in order. */
  readonly requests: readonly FakeMcpRequest[]
}

/**
 * Makes an MCP server with tools, for tests of what stands in front of it. It can be mounted in `servers` as it is, or
 * be put behind `proxy` by msw. It checks no tokens, and knows of MCP what tests of a gateway need: `initialize`,
 * `server/discover`, `ping`, `tools/list`, `tools/call`.
 *
 * @example
 * ```ts
 * const upstream = fakeMcpServer({ tools: { add: ({ a, b }) => `${Number(a) + Number(b)}` } })
 * ```
 */
export function fakeMcpServer(options: FakeMcpServerOptions = {}): FakeMcpServer {
  const { url = 'https://upstream.test/mcp', tools = { echo: (args: unknown) => JSON.stringify(args) } } = options
  const { eras = ['legacy', 'modern'], stream = false, sessions = false } = options
  const requests: FakeMcpRequest[] = []
  const known = new Set<string>()

  const answer = async (request: Request): Promise<Response> => {
    const { method, headers } = request
    const message = method === 'POST' ? ((await request.json()) as JsonRpcMessage) : undefined
    requests.push({ method, headers, ...(message === undefined ? {} : { message }) })
    const session = headers.get('mcp-session-id')
    const isModern = eraOf(headers.get('mcp-protocol-version') ?? '') === 'modern'
    if (!isModern && sessions && message?.method !== 'initialize') {
      if (session === null)
        return refuse(message, { status: 400, code: errorCodes.invalidRequest, text: 'Mcp-Session-Id is missing' })
      if (!known.has(session))
        return refuse(message, { status: 404, code: errorCodes.sessionNotFound, text: 'Session not found' })
      if (method === 'DELETE') {
        known.delete(session)
        return new Response(null, { status: 204 })
      }
    }
    if (message === undefined) return new Response(null, { status: 405, headers: { Allow: 'POST' } })
    if (!eras.includes(isModern ? 'modern' : 'legacy')) {
      const supported = eras.includes('modern') ? modernVersions : legacyVersions
      const data = { supported, requested: headers.get('mcp-protocol-version') }
      const text = 'This revision is not supported'
      return refuse(message, { status: 400, code: errorCodes.unsupportedVersion, text, data })
    }
    if (message.id === undefined || message.method === undefined) return new Response(null, { status: 202 })
    const result = await resultOf(message, tools, headers, isModern)
    if (result === undefined)
      return refuse(message, {
        status: isModern ? 404 : 200,
        code: errorCodes.methodNotFound,
        text: 'Method not found',
      })
    const given = !isModern && sessions && message.method === 'initialize' ? crypto.randomUUID() : undefined
    if (given !== undefined) known.add(given)
    const body = JSON.stringify({ jsonrpc: '2.0', id: message.id, result })
    return new Response(stream ? `event: message\ndata: ${body}\n\n` : body, {
      headers: {
        'Content-Type': stream ? 'text/event-stream' : 'application/json',
        ...(given === undefined ? {} : { 'Mcp-Session-Id': given }),
      },
    })
  }

  return {
    url,
    requests,
    fetch: answer,
    handlers: (http) => [http.all(url, ({ request }) => answer(request))],
  }
}

async function resultOf(
  { method, params = {} }: JsonRpcMessage,
  tools: Readonly<Record<string, FakeTool>>,
  headers: Headers,
  isModern: boolean,
): Promise<Record<string, unknown> | undefined> {
  const capabilities = { tools: {} }
  const serverInfo = { name: 'fake', version: '1' }
  const complete = isModern ? { resultType: 'complete' } : {}
  const cached = isModern ? { ttlMs: 0, cacheScope: 'private' } : {}
  switch (method) {
    case 'initialize': {
      const requested = String(params.protocolVersion)
      return {
        protocolVersion: legacyVersions.includes(requested) ? requested : newestLegacy,
        capabilities,
        serverInfo,
      }
    }
    case 'server/discover':
      return isModern
        ? { ...complete, ...cached, supportedVersions: modernVersions, capabilities, serverInfo }
        : undefined
    case 'ping':
      return complete
    case 'tools/list':
      return {
        ...complete,
        ...cached,
        tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })),
      }
    case 'tools/call': {
      const tool = tools[String(params.name)]
      if (tool === undefined) return { ...complete, isError: true, content: [{ type: 'text', text: 'Unknown tool' }] }
      const output = await tool((params.arguments ?? {}) as Record<string, unknown>, headers)
      const result = typeof output === 'string' ? { content: [{ type: 'text', text: output }] } : output
      return { ...complete, ...(result as Record<string, unknown>) }
    }
    default:
      return undefined
  }
}

function refuse(
  message: JsonRpcMessage | undefined,
  { status, code, text, data }: { status: number; code: number; text: string; data?: unknown },
): Response {
  return Response.json({ jsonrpc: '2.0', id: message?.id ?? null, error: { code, message: text, data } }, { status })
}
