import { type AuthInfo, type Context, challenge, GatewayError, recordRefusal } from '@mcp-gateway/core'
import { cors, originCheck } from '@mcp-gateway/core/gateway'
import { type AccessLog, isRefusal, jsonRpcError, principal } from '@mcp-gateway/core/internal'
import { askPolicy } from './ask-policy.js'
import { type AuthDecision, type AuthRefusal, refused } from './auth-decision.js'
import { type AuthRequest, ambiguousPath, type Dialect, type OriginalRequest, readOriginal } from './dialect.js'
import { absent, anonymous, type HeaderPairs, identify } from './identity.js'
import { type IdentityHeaderNames, variantMatcher } from './identity-headers.js'
import { otherDialect } from './mix-up.js'
import { finishRefusal } from './refusal.js'
import { type Remembered, remembered } from './remembered.js'
import type { Route } from './route.js'
import type { RouteTable } from './route-table.js'

/** What decisions depend on. */
export interface DeciderOptions {
  readonly dialect: Dialect
  /** The path in front of the original one, for `ext-authz`. */
  readonly prefix: string
  readonly table: RouteTable<Route>
  /** Addresses that are open to everybody, as `https://host/path`. */
  readonly discovery: ReadonlySet<string>
  readonly names: IdentityHeaderNames
  readonly assertionHeader: string
  readonly allowedOrigins: readonly string[]
  readonly log: AccessLog
}

/** Decides about one auth request. */
export type Decide = (request: AuthRequest, context: Context) => Promise<AuthDecision>

/** Makes the decision about requests, independent of how they come in. */
export function createDecider(options: DeciderOptions): Decide {
  const { dialect, prefix, table, discovery, names, assertionHeader, allowedOrigins, log } = options
  const headers = [...Object.values(names), assertionHeader]
  const isVariant = variantMatcher(headers)
  const nobody = anonymous(headers)
  const checkOrigin = originCheck({ allowedOrigins })
  const nameOrigin = cors({ allowedOrigins })
  const known: Remembered<HeaderPairs> = new WeakMap()

  async function judge(
    route: Route,
    original: OriginalRequest,
    request: AuthRequest,
    context: Context,
  ): Promise<AuthDecision> {
    const authenticated = await authenticate(route, original, request, context)
    if (authenticated.kind !== 'authenticated') return authenticated
    const { auth } = authenticated
    const policy = await askPolicy(route, original.method, request, auth, context)
    if (policy.kind !== 'passed') return policy
    const identity = remembered(known, auth, () => identify(names, auth))
    const assertion = route.assert === undefined ? absent : await route.assert(auth)
    return allow([...identity, [assertionHeader, assertion]])
  }

  async function answer(
    original: OriginalRequest,
    route: Route | undefined,
    request: AuthRequest,
    context: Context,
  ): Promise<AuthDecision> {
    for (const name of request.headers.keys()) {
      if (isVariant(name)) {
        const message = 'A header is spelled so that it could be taken for an identity header'
        return refused(jsonRpcError({ status: 400, message }))
      }
    }
    if (discovery.has(original.origin + original.path) && readsOnly.has(original.method)) return allow(nobody)
    // An unknown address learns that a token is needed, and nothing about the addresses that there are
    if (route === undefined) return refused(challenge())
    if (request.headers.has('origin')) {
      const foreign = await checkOrigin(asRequest(original, request), context, () => passed)
      if (foreign !== passed) return refused(foreign)
    }
    if (isPreflight(original, request)) return allow(nobody)
    return judge(route, original, request, context)
  }

  /** Writes the line of a request; what is not to be read as one has no path. */
  const begin = (asked: Request, { client }: Context, route?: Route, path = '') => {
    const record = log.begin(asked, { path, client })
    record.resource = route?.location.resource
    return record
  }

  return async (request, outer) => {
    let original: OriginalRequest
    let route: Route | undefined
    try {
      original = readOriginal(dialect, request, prefix)
      const found = table.find(original.origin, original.path)
      if (found.kind === 'ambiguous') throw ambiguousPath()
      route = found.kind === 'found' ? found.route : undefined
    } catch (error) {
      const asked = { method: request.method, url: 'http://unknown/', headers: request.headers } as unknown as Request
      const record = begin(asked, outer)
      const hint =
        isRefusal(error) && error.code === 'misconfigured' ? otherDialect(request.headers, dialect) : undefined
      const response = refusalResponse(error, { ...outer, record, logger: log.loggerOf(record) }, hint)
      return refused(finishRefusal(await log.end(asked, record, response), { dialect, html: false }))
    }
    const asked = asRequest(original, request)
    // Paths that are nobody's are not logged: people paste tokens into them
    const record = begin(asked, outer, route, route === undefined ? '' : original.path)
    const context = { ...outer, record, requestId: record.requestId, logger: log.loggerOf(record) }
    const decision = await answer(original, route, request, context).catch((error: unknown) =>
      refused(refusalResponse(error, context)),
    )
    // A preflight must come through as 200, so it is none for `cors`
    const dress = async (response: Response) =>
      route === undefined ? response : nameOrigin(asRequest(original, request, 'GET'), context, () => response)
    const response = await log.end(asked, record, decision.kind === 'allowed' ? passed : decision.response)
    if (decision.kind === 'allowed' && response === passed) {
      if (!request.headers.has('origin')) return decision
      const { headers } = await dress(allowed(decision.headers))
      return allow([...headers])
    }
    return refused(await dress(finishRefusal(response, form(dialect, original, route, request))))
  }
}

function allow(headers: HeaderPairs): AuthDecision {
  return { kind: 'allowed', headers }
}

/** The answer that lets a request pass: exactly 200, since Envoy takes no other status for a yes. */
export function allowed(pairs: HeaderPairs): Response {
  return new Response(null, { headers: pairs as [string, string][] })
}

const passed = new Response(null)
const readsOnly: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

async function authenticate(
  route: Route,
  original: OriginalRequest,
  request: AuthRequest,
  context: Context,
): Promise<{ readonly kind: 'authenticated'; readonly auth: AuthInfo } | AuthRefusal> {
  let auth: AuthInfo | undefined
  const response = await route.authenticate(asRequest(original, request), context, (_, granted) => {
    // Throws where the token names nobody, which `authenticate` answers.
    if (granted.auth !== undefined) principal(granted.auth)
    auth = granted.auth
    return passed
  })
  return auth === undefined ? refused(response) : { kind: 'authenticated', auth }
}

/**
 * The original request, for core's middleware, which reads method, URL and headers alone. A real `Request` would cost
 * more than the whole decision.
 */
function asRequest(original: OriginalRequest, { headers }: AuthRequest, method: string = original.method): Request {
  return { method, url: original.origin + original.path, headers } as unknown as Request
}

function isPreflight(original: OriginalRequest, { headers }: AuthRequest): boolean {
  return original.method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method')
}

function form(dialect: Dialect, original: OriginalRequest, route: Route | undefined, { headers }: AuthRequest) {
  const html = original.method === 'GET' && (headers.get('accept') ?? '').includes('text/html')
  return { dialect, html, resource: route?.location.resource }
}

/**
 * The one place where what was thrown becomes an answer. Only a `Refusal` says to the caller why.
 *
 * @param hint what the operator may have mixed up
 */
function refusalResponse(error: unknown, { logger, record }: Context, hint?: string): Response {
  if (isRefusal(error)) {
    const { status, code, description: message, headers, reason } = error
    // 400 is the client's fault and in its line, everything else the operator's
    if (status !== 400)
      logger?.warn({ refusal: code, reason, ...(hint !== undefined && { hint }) }, 'an auth request cannot be used')
    recordRefusal(record, { by: 'forwardAuth', code, reason }, status >= 500 ? 'error' : 'deny')
    if (status === 401) return challenge({ description: message })
    return jsonRpcError({ status, code: typeof code === 'number' ? code : undefined, message }, headers)
  }
  logger?.error({ err: error }, 'an auth request failed')
  const status = error instanceof GatewayError && error.code === 'temporarily_unavailable' ? 503 : 500
  const message = 'The request cannot be decided now; try again'
  const reason = error instanceof Error ? error.message : undefined
  recordRefusal(record, { by: 'forwardAuth', code: 'undecided', reason }, 'error')
  return jsonRpcError({ status, message }, { 'Retry-After': '5' })
}
