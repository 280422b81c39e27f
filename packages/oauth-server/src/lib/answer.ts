import { type Context, GatewayError, type Logger, oauthError } from '@mcp-gateway/core'
import { isRefusal, type Refusal, randomToken } from '@mcp-gateway/core/internal'
import { preflight, withCors } from './http/cors.js'
import { refusalPage } from './pages/refusal-page.js'
import type { Route } from './routes.js'
import type { Server } from './server/server.js'
import type { Settings } from './server/settings.js'

/** Answers a request at its endpoint: method, CORS, refusals and what broke, the same way for all. */
export async function answer(
  route: Route | undefined,
  request: Request,
  context: Context,
  { settings, logger }: Pick<Server, 'settings' | 'logger'>,
): Promise<Response> {
  // By what a page shows, the operator finds its line in the log
  const known = context.requestId === undefined ? { ...context, requestId: randomToken(9) } : context
  if (!route) return oauthError(404, 'not_found', 'There is nothing at this path')
  const { methods, audience } = route
  const open = audience === 'anyone'
  if (request.method === 'OPTIONS' && open) return preflight(methods)
  const response = methods.includes(request.method)
    ? await attempt(route, request, known, settings, logger)
    : await notAllowed(route, known, settings)
  const bare = request.method === 'HEAD' ? new Response(null, response) : response
  return open ? withCors(bare) : bare
}

function notAllowed({ methods, audience }: Route, context: Context, { pages }: Settings): Response | Promise<Response> {
  const headers = { Allow: methods.join(', ') }
  if (audience !== 'browser') {
    return oauthError(405, 'invalid_request', `This endpoint answers ${methods.join(' and ')}`, headers)
  }
  const explanation = 'This address takes the answer of a page and cannot be opened by itself.'
  return refusalPage(pages, context, { status: 405, title: 'There is nothing to see here', explanation, headers })
}

/** The one place where a refusal becomes an answer: a page for a person, JSON for a program. */
function refusalResponse(
  { status, code, description, headers }: Refusal,
  { audience }: Route,
  context: Context,
  { settings, logger }: Pick<Server, 'settings' | 'logger'>,
): Response | Promise<Response> {
  if (audience !== 'browser') return oauthError(status, String(code), description, headers)
  logger?.info({ request_id: context.requestId, status, error: code, reason: description }, 'A page said no')
  return refusalPage(settings.pages, context, { status, title, explanation: description, headers })
}

const title = 'This did not work'

async function attempt(
  route: Route,
  request: Request,
  context: Context,
  settings: Settings,
  logger: Logger | undefined,
): Promise<Response> {
  try {
    return await route.answer(request, context)
  } catch (error) {
    if (isRefusal(error)) return refusalResponse(error, route, context, { settings, logger })
    // Clients throw their credentials away on invalid_grant and invalid_client, so an outage must be neither.
    const outage = error instanceof GatewayError && error.code === 'temporarily_unavailable'
    const message = error instanceof Error ? error.message : String(error)
    logger?.error({ error: message, request_id: context.requestId }, 'The authorization server failed')
    const status = outage ? 503 : 500
    const headers = { 'Retry-After': '5' }
    const description = outage ? 'The server cannot reach what it needs; try again' : 'The server failed'
    return route.audience === 'browser'
      ? refusalPage(settings.pages, context, { status, title, explanation: `${description}.`, headers })
      : oauthError(status, outage ? 'temporarily_unavailable' : 'server_error', description, headers)
  }
}
