import type { Handler, Middleware } from '../contract/handler.js'

/**
 * Puts middleware in front of a handler, the first one outermost.
 *
 * @example
 * ```ts
 * const guarded: Handler = compose([bearerAuth({ verifier, resource })], handler)
 * ```
 */
export function compose(middleware: readonly Middleware[], handler: Handler): Handler {
  return middleware.reduceRight<Handler>((next, layer) => (request, context) => layer(request, context, next), handler)
}
