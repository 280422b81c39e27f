import type { Context } from '../contract/handler.js'
import { type IdentityValues, identityValues } from '../tokens/identity-headers.js'
import { mirrorMessage } from './mirror-message.js'

/**
 * What of a client's request an MCP server needs. A list of what passes rather than of what does not: credentials,
 * identity and forwarding headers in every spelling, hop-by-hop headers and whatever `Connection` names stay out.
 */
const requestHeaders = new Set([
  'accept',
  'accept-language',
  'baggage',
  'content-type',
  'last-event-id',
  'mcp-protocol-version',
  'traceparent',
  'tracestate',
  'user-agent',
])

/** What of an upstream's answer a client needs. Cookies, challenges and CORS headers are the gateway's to set. */
const responseHeaders = new Set([
  'allow',
  'cache-control',
  'content-language',
  'content-type',
  'mcp-protocol-version',
  'retry-after',
  'x-accel-buffering',
])

/** How requests are dressed for an upstream. */
export interface ProxyHeaderOptions {
  /** Names in lower case of further headers of the client that pass. */
  readonly forward: ReadonlySet<string>
  /** Headers that the gateway adds. */
  readonly add: Readonly<Record<string, string>>
  /** Whether to say who calls. */
  readonly identity: boolean
}

const identityHeaders: Record<keyof IdentityValues, string> = {
  userId: 'x-user-id',
  userName: 'x-user-name',
  userEmail: 'x-user-email',
  roles: 'x-roles',
  scopes: 'x-scopes',
  clientId: 'x-client-id',
}
const identityNames = Object.entries(identityHeaders) as [keyof IdentityValues, string][]

/**
 * The headers for the upstream.
 *
 * @throws {Refusal} where an identity header is too long
 */
export function toUpstream(request: Request, context: Context, options: ProxyHeaderOptions): Headers {
  const headers = new Headers()
  const copy = (name: string) => {
    const value = request.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  requestHeaders.forEach(copy)
  options.forward.forEach(copy)
  // The bytes were read, and decided on, as JSON in UTF-8: whatever the client called them, the upstream reads the same
  if (context.message !== undefined) {
    headers.set('content-type', 'application/json')
    // Servers refuse requests that do not accept both (MCP M5), and what the client accepts is seen to here
    headers.set('accept', 'application/json, text/event-stream')
  }
  // Where nobody has compared them with the body (legacy revisions), mirrored headers could say anything (MCP M26)
  if (context.message?.era === 'modern') {
    for (const name of request.headers.keys()) if (mirrored.test(name)) copy(name)
    mirrorMessage(headers, context.message)
  }
  // A compressed event stream arrives in blocks rather than in events
  headers.set('accept-encoding', 'identity')
  if (context.requestId !== undefined) headers.set('x-request-id', context.requestId)
  if (context.client?.address !== undefined) headers.set('x-forwarded-for', context.client.address)
  const [, proto, host] = publicUrl.exec(context.resource ?? '') ?? []
  if (proto !== undefined && host !== undefined) {
    headers.set('x-forwarded-host', host)
    headers.set('x-forwarded-proto', proto)
  }
  if (options.identity && context.auth !== undefined) {
    const identity = identityValues(context.auth)
    for (const [field, name] of identityNames) {
      const value = identity[field]
      if (value !== undefined) headers.set(name, value)
    }
  }
  for (const [name, value] of Object.entries(options.add)) headers.set(name, value)
  return headers
}

const publicUrl = /^(https?):\/\/([^/?#]+)/
const mirrored = /^mcp-(?:method|name|param-.+)$/

/** The headers of an upstream's answer that go to the client. */
export function toClient(upstream: Headers): Headers {
  const headers = new Headers()
  for (const [name, value] of upstream) if (responseHeaders.has(name)) headers.set(name, value)
  return headers
}
