import type { Mountable } from '../../contract/handler.js'
import { callable, checkOptions, type OptionTypes, optional, withMethods } from '../../contract/option-types.js'

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

/** How Next hands requests over. */
export interface RouteHandlerOptions {
  /**
   * Answers the requests that the gateway does not `match`, such as `notFound` of `next/navigation`: paths that are nobody's, which a
   * catch-all route gets too. Needs a piece with `match`.
   *
   * @default the 404 of the gateway, as JSON
   */
  readonly next?: (request: Request) => Response | Promise<Response>
}

/** A gateway, or anything that is mounted. */
export type RouteHandlerApp = Mountable & { match?(request: Request): boolean }

const types: OptionTypes<RouteHandlerOptions> = { next: optional(callable) }

const appType = withMethods('a gateway, or a function that makes it', 'fetch')

/**
 * Mounts a gateway in Next: export what it returns from a catch-all `app/[...gateway]/route.ts`, which serves the
 * metadata under `/.well-known` too. Next tells no client address, so limits per address need a proxy in front. It also
 * resolves dot segments before a handler sees the path: rules of a proxy in front about paths must do so too.
 *
 * A catch-all route gets every path that the application has no page for; with `next` those are the application's.
 *
 * @param app the gateway, or a function that makes it at the first request, so that a build needs no environment
 * @example
 * ```ts
 * export const { GET, HEAD, POST, PUT, DELETE, OPTIONS } = toRouteHandlers(gateway, { next: () => new Response(null, { status: 404 }) })
 * ```
 */
export function toRouteHandlers(
  app: RouteHandlerApp | (() => RouteHandlerApp),
  options: RouteHandlerOptions = {},
): RouteHandlers {
  if (typeof app !== 'function') appType(app, 'The app of toRouteHandlers')
  checkOptions('toRouteHandlers', options, types)
  const { next } = options
  let made: RouteHandlerApp | undefined
  const handler: RouteHandler = async (request) => {
    made ??= typeof app === 'function' ? app() : app
    return next === undefined || made.match?.(request) !== false ? made.fetch(request) : next(request)
  }
  return { GET: handler, HEAD: handler, POST: handler, PUT: handler, DELETE: handler, OPTIONS: handler }
}
