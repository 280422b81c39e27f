import type { Context, Middleware } from '../contract/handler.js'

/** Where the context of a request leaves what the inner layers learned about it. */
export const trace: unique symbol = Symbol('trace')

declare module '../contract/handler.js' {
  interface Context {
    /** @internal */
    readonly [trace]?: { inner?: Context }
  }
}

/**
 * Leaves the context for the outer layers: contexts travel inwards only, while the access line and the last-resort
 * error are written outside. Sits where the context is complete.
 */
export const leaveTrace: Middleware = (request, context, next) => {
  const box = context[trace]
  if (box !== undefined) box.inner = context
  return next(request, context)
}

/** The most that is known about a request by now. */
export function traced(context: Context): Context {
  return context[trace]?.inner ?? context
}
