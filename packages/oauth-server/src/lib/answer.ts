import { type Context, GatewayError, type Logger, oauthError } from '@mcp-gateway/core'
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
  { settings, logger }: Pick<Server, 'settings' | 'logger'>,
): Promise<Response> {
  if (!route) return oauthError(404, 'not_found', 'There is nothing at this path')
  const { methods, audience } = route
  const open = audience === 'anyone'
  if (request.method === 'OPTIONS' && open) return preflight(methods)
  const response = methods.includes(request.method)
    ? await attempt(route, request, context, settings, logger)
    : await unknownMethod(route, settings)
  const bare = request.method === 'HEAD' ? new Response(null, response) : response
  return open ? withCors(bare) : bare
}

async function unknownMethod({ methods, audience }: Route, { pages }: Settings): Promise<Response> {
  const allow = methods.join(', ')
  if (audience !== 'browser') {
    return oauthError(405, 'invalid_request', `This endpoint answers ${methods.join(' and ')}`, { Allow: allow })
  }
  // Whoever reloads a page, or comes back to it by the history of the browser, is a person
  const text = 'There is nothing to see at this address by itself. Go back to your application and connect again.'
  const response = await refusalPage(pages, 405, 'This did not work', text)
  response.headers.set('Allow', allow)
  return response
}

/** The one place where a refusal becomes an answer: a page for a person, JSON for a program. */
function refusalResponse(refusal: Refusal, { audience }: Route, { pages }: Settings): Response | Promise<Response> {
  const { status, code, description, headers } = refusal
  return audience === 'browser'
    ? refusalPage(pages, status, 'This did not work', description, headers['Retry-After'])
    : oauthError(status, String(code), description, headers)
}

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
    if (isRefusal(error)) return refusalResponse(error, route, settings)
    // Clients throw their credentials away on invalid_grant and invalid_client, so an outage must be neither.
    const outage = error instanceof GatewayError && error.code === 'temporarily_unavailable'
    logger?.error({ error: error instanceof Error ? error.message : String(error) }, 'The authorization server failed')
    const status = outage ? 503 : 500
    const description = outage ? 'The server cannot reach what it needs; try again' : 'The server failed'
    return route.audience === 'browser'
      ? refusalPage(settings.pages, status, 'This did not work', `${description}.`, '5')
      : oauthError(status, outage ? 'temporarily_unavailable' : 'server_error', description, { 'Retry-After': '5' })
  }
}
