import type { JsonRpcMessage } from '../contract/message.js'
import { encodeHeaderValue } from '../protocol/header-value.js'
import { metaKeys } from '../protocol/meta-keys.js'
import { mirroredMethods, subjectParameters } from '../protocol/methods.js'
import { newestLegacy, newestModern } from '../protocol/revisions.js'

/** A call as an MCP client sends it. */
export interface McpRequestOptions {
  /** The server's public URL. */
  readonly url: string
  /**
   * The MCP method.
   *
   * @default ping
   */
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly id?: string | number
  /** The access token. */
  readonly token?: string
  /** `legacy` (2025-11-25) by default; `modern` (2026-07-28) adds `_meta` and the mirrored headers. */
  readonly era?: 'legacy' | 'modern'
  /** More headers, and headers to replace. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Makes the request of an MCP client, right in every header, for the `fetch` of a gateway.
 *
 * @example
 * ```ts
 * const call = mcpRequest({ url: resource, token: await fakeIssuer().token({ resource }), method: 'tools/list' })
 * const { result } = await mcpAnswer(await gateway.fetch(call))
 * ```
 */
export function mcpRequest(options: McpRequestOptions): Request {
  const { url, method = 'ping', params, id = 1, token, era = 'legacy' } = options
  const version = era === 'modern' ? newestModern : newestLegacy
  const headers = new Headers({
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
    'MCP-Protocol-Version': version,
  })
  if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
  const name = mirroredMethods.has(method) ? params?.[subjectParameters.get(method) ?? ''] : undefined
  if (era === 'modern') {
    headers.set('Mcp-Method', method)
    if (typeof name === 'string') headers.set('Mcp-Name', encodeHeaderValue(name))
  }
  for (const [key, value] of Object.entries(options.headers ?? {})) headers.set(key, value)
  const _meta = {
    [metaKeys.protocolVersion]: version,
    [metaKeys.clientCapabilities]: {},
    ...(params?._meta as object | undefined),
  }
  const body = { jsonrpc: '2.0', id, method, params: era === 'modern' ? { ...params, _meta } : params }
  return new Request(url, { method: 'POST', headers, body: JSON.stringify(body) })
}

/**
 * Reads the JSON-RPC answer out of a response, JSON or SSE.
 *
 * @throws {Error} when there is none
 */
export async function mcpAnswer(response: Response): Promise<JsonRpcMessage> {
  const text = await response.text()
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  const texts = isStream ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => data ?? '') : [text]
  for (const candidate of texts) {
    const message: JsonRpcMessage = JSON.parse(candidate)
    if (message.result !== undefined || message.error !== undefined) return message
  }
  throw new Error(`The response with status ${response.status} holds no JSON-RPC answer: ${text.slice(0, 200)}`)
}
