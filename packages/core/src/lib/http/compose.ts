import type { Handler, Middleware } from '../contract/handler.js'
import { callable, listOf } from '../contract/option-types.js'

/**
 * Puts middleware in front of a handler, the first one outermost.
 *
 * @example
 * ```ts
 * const guarded: Handler = compose([bearerAuth({ verifier, resource })], handler)
 * ```
 */
export function compose(middleware: readonly Middleware[], handler: Handler): Handler {
  listOf(callable, 'a list of middleware')(middleware, 'The middleware of compose')
  callable(handler, 'The handler of compose')
  return middleware.reduceRight<Handler>((next, layer) => (request, context) => layer(request, context, next), handler)
}
