import type { Middleware } from '../contract/handler.js'
import { checkOptions, textList } from '../contract/option-types.js'
import { originMatcher } from './origin-check.js'
import { changeable } from './with-header.js'

/** Which pages may read answers. */
export interface CorsOptions {
  /** As in `originCheck`. */
  readonly allowedOrigins: readonly string[]
}

const methods = 'GET, HEAD, POST, DELETE, OPTIONS'
const requestHeaders = new Set([
  'accept',
  'authorization',
  'content-type',
  'dpop',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'traceparent',
  'tracestate',
  'baggage',
  'x-request-id',
])
const exposed = 'WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, DPoP-Nonce, Retry-After, X-Request-Id'

/**
 * Lets pages of the listed origins call an MCP endpoint: answers preflights, without asking for a token, and names the
 * origin in every answer, errors too. Credentials in the sense of CORS (cookies) are never allowed. It refuses nothing;
 * that is `originCheck`.
 *
 * @throws {GatewayError} `invalid_configuration` for an entry that is no origin
 * @example
 * ```ts
 * const allowedOrigins = ['https://app.example.com']
 * const open = compose([cors({ allowedOrigins }), originCheck({ allowedOrigins })], handler)
 * ```
 */
export function cors(options: CorsOptions): Middleware {
  checkOptions('cors', options, { allowedOrigins: textList })
  const { allowedOrigins } = options
  const isAllowed = originMatcher(allowedOrigins)
  return async (request, context, next) => {
    const origin = request.headers.get('origin')
    const allowed = origin !== null && isAllowed(origin)
    if (allowed && request.method === 'OPTIONS' && request.headers.has('access-control-request-method')) {
      return preflight(origin, request.headers.get('access-control-request-headers'))
    }
    return addCorsHeaders(await next(request, context), allowed ? origin : undefined)
  }
}

function addCorsHeaders(response: Response, origin: string | undefined): Response {
  try {
    // A cache must not serve one origin's answer to another, so it stands there for all of them
    response.headers.append('Vary', 'Origin')
    if (origin === undefined) return response
    response.headers.set('Access-Control-Allow-Origin', origin)
    response.headers.set('Access-Control-Expose-Headers', exposed)
    return response
  } catch {
    return addCorsHeaders(changeable(response), origin)
  }
}

function preflight(origin: string, requested: string | null): Response {
  // `Mcp-Param-*` names are the tools' own (MCP M10), so those that are asked for are allowed
  const parameters = (requested ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => /^mcp-param-[\w!#$%&'*+.^`|~-]{1,100}$/.test(name))
  return new Response(null, {
    status: 204,
    headers: {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Methods': methods,
      'Access-Control-Allow-Headers': [...requestHeaders, ...parameters.slice(0, 50)].join(', '),
      'Access-Control-Max-Age': '600',
      Vary: 'Origin, Access-Control-Request-Headers',
    },
  })
}
