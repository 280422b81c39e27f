import type { Mountable } from '../../contract/handler.js'
import { withMethods } from '../../contract/option-types.js'

/** One route handler. Next's second argument holds its own parameters and is not passed on. */
export type RouteHandler = (request: Request) => Promise<Response>

/** The methods that Next looks for in a `route.ts`. */
export interface RouteHandlers {
  readonly GET: RouteHandler
  readonly HEAD: RouteHandler
  readonly POST: RouteHandler
  readonly PUT: RouteHandler
  readonly DELETE: RouteHandler
  readonly OPTIONS: RouteHandler
}

const appType = withMethods('a gateway, or a function that makes it', 'fetch')

/**
 * Mounts a gateway in Next: export what it returns from a catch-all `app/[...gateway]/route.ts`, which serves the
 * metadata under `/.well-known` too. Next tells no client address, so limits per address need a proxy in front. It also
 * resolves dot segments before a handler sees the path: rules of a proxy in front about paths must do so too.
 *
 * @param app the gateway, or a function that makes it at the first request, so that a build needs no environment
 * @example
 * ```ts
 * export const { GET, HEAD, POST, PUT, DELETE, OPTIONS } = toRouteHandlers(gateway)
 * ```
 */
export function toRouteHandlers(app: Mountable | (() => Mountable)): RouteHandlers {
  if (typeof app !== 'function') appType(app, 'The app of toRouteHandlers')
  let made: Mountable | undefined
  const handler: RouteHandler = (request) => {
    made ??= typeof app === 'function' ? app() : app
    return made.fetch(request)
  }
  return { GET: handler, HEAD: handler, POST: handler, PUT: handler, DELETE: handler, OPTIONS: handler }
}
