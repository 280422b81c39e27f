import { type Context, GatewayError, type Logger, oauthError, recordRefusal } from '@mcp-gateway/core'
import { isRefusal, type Refusal } from '@mcp-gateway/core/internal'
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
  { settings, logger: own }: Pick<Server, 'settings' | 'logger'>,
): Promise<Response> {
  const { logger = own } = context
  if (!route) return oauthError(404, 'not_found', 'There is nothing at this path')
  const { methods, audience } = route
  const open = audience === 'anyone'
  if (request.method === 'OPTIONS' && open) return preflight(methods)
  const response = methods.includes(request.method)
    ? await attempt(route, request, context, { settings, logger })
    : await notAllowed(route, context, settings)
  const bare = request.method === 'HEAD' ? new Response(null, response) : response
  return open ? withCors(bare) : bare
}

function notAllowed({ methods, audience }: Route, context: Context, { pages }: Settings): Response | Promise<Response> {
  const headers = { Allow: methods.join(', ') }
  if (audience !== 'browser') {
    return oauthError(405, 'invalid_request', `This endpoint answers ${methods.join(' and ')}`, headers)
  }
  const explanation =
    'This address takes the answer of a page and cannot be opened by itself. Go back to your application and connect again.'
  return refusalPage(pages, context, { status: 405, title: 'There is nothing to see here', explanation, headers })
}

/** The one place where a refusal becomes an answer: a page for a person, JSON for a program. */
function refusalResponse(
  { status, code, description, headers }: Refusal,
  { audience }: Route,
  context: Context,
  { pages }: Settings,
): Response | Promise<Response> {
  return audience === 'browser'
    ? refusalPage(pages, context, { status, title, explanation: description, headers })
    : oauthError(status, String(code), description, headers)
}

const title = 'This did not work'

async function attempt(
  route: Route,
  request: Request,
  context: Context,
  { settings, logger }: { readonly settings: Settings; readonly logger: Logger },
): Promise<Response> {
  try {
    return await route.answer(request, context)
  } catch (error) {
    if (isRefusal(error)) {
      const { code, reason, status } = error
      recordRefusal(context.record, { by: 'oauth-server', code, reason }, status >= 500 ? 'error' : 'deny')
      return refusalResponse(error, route, context, settings)
    }
    // Clients throw their credentials away on invalid_grant and invalid_client, so an outage must be neither.
    const outage = error instanceof GatewayError && error.code === 'temporarily_unavailable'
    const code = outage ? 'temporarily_unavailable' : 'server_error'
    const reason = error instanceof Error ? error.message : String(error)
    logger.error({ service: 'oauth-server', err: reason }, 'The authorization server failed')
    recordRefusal(context.record, { by: 'oauth-server', code, reason }, 'error')
    const status = outage ? 503 : 500
    const headers = { 'Retry-After': '5' }
    const description = outage ? 'The server cannot reach what it needs; try again' : 'The server failed'
    return route.audience === 'browser'
      ? refusalPage(settings.pages, context, { status, title, explanation: `${description}.`, headers })
      : oauthError(status, code, description, headers)
  }
}
