import type { Middleware } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkOptions, optional, textList } from '../contract/option-types.js'
import { recordRefusal } from '../contract/request-record.js'
import { hostCheck } from './host-check.js'
import { jsonRpcError } from './json-rpc-error.js'
import { isLoopbackHost } from './loopback.js'

/** Which browsers' pages and which host names may reach what stands behind. */
export interface OriginCheckOptions {
  /**
   * Origins as browsers send them (`https://app.example.com`). `http://localhost:*`-like wildcards are not understood;
   * `loopback` stands for every origin on localhost, 127.0.0.0/8 and [::1], whatever its port.
   */
  readonly allowedOrigins: readonly string[]
  /** Host names (without port) that `Host` may name; unless given, any. `loopback` as above. */
  readonly allowedHosts?: readonly string[]
}

/**
 * Refuses with 403 what a foreign web page sends: a request with an `Origin` that is not listed, one that a browser marks
 * as of another site and sends without `Origin` (an image, a link, a frame), or one with a `Host` that is not ours (DNS
 * rebinding). Requests with neither header do not come from pages and pass. It sets no CORS headers; a page on a listed
 * origin needs `cors` too, and asks by `fetch` or `EventSource`, which send its `Origin`.
 *
 * @throws {GatewayError} `invalid_configuration` for an entry that is no origin
 * @see MCP Streamable HTTP, rule M2; W3C Fetch Metadata, section 2.3
 * @example
 * ```ts
 * const checked = compose([originCheck({ allowedOrigins: ['https://app.example.com'] })], handler)
 * ```
 */
export function originCheck(options: OriginCheckOptions): Middleware {
  checkOptions('originCheck', options, { allowedOrigins: textList, allowedHosts: optional(textList) })
  const { allowedOrigins, allowedHosts } = options
  const isAllowed = originMatcher(allowedOrigins)
  const isServed = hostCheck([], allowedHosts)
  return (request, context, next) => {
    const origin = request.headers.get('origin')
    if (origin === null && isForeign(request)) {
      recordRefusal(context.record, { by: 'originCheck', code: 'foreign_page' })
      return foreignPage()
    }
    if (origin !== null && !isAllowed(origin)) {
      recordRefusal(context.record, { by: 'originCheck', code: 'foreign_origin', reason: `Origin ${origin}` })
      return jsonRpcError({
        status: 403,
        message: 'This Origin is not allowed; the operator can add it to allowedOrigins',
      })
    }
    if (!isServed(request)) {
      recordRefusal(context.record, { by: 'originCheck', code: 'foreign_host' })
      return jsonRpcError({
        status: 403,
        message: 'This Host is not served here; the operator can add it to allowedHosts',
      })
    }
    if (origin !== null) judged.add(request)
    return next(request, context)
  }
}

/** Requests whose `Origin` was found in a list. */
const judged = new WeakSet<Request>()

/**
 * Whether a page of another site or origin says which it is, and nobody has compared that with a list: `EventSource` sends
 * its `Origin`, and needs no preflight for that. What stands behind a request that was copied is not known.
 */
export function isUnjudged(request: Request): boolean {
  return request.headers.has('origin') && comesFromElsewhere(request) && !judged.has(request)
}

/**
 * Whether a browser says that a page of another site or origin made this request, and does not say which: browsers send
 * no `Origin` with what a page embeds or links to. A port of its own makes no other site, so `same-site` is foreign too.
 */
export function isForeign(request: Request): boolean {
  return !request.headers.has('origin') && comesFromElsewhere(request)
}

function comesFromElsewhere({ headers }: Request): boolean {
  const site = headers.get('sec-fetch-site')
  return site !== null && site !== 'same-origin' && site !== 'none'
}

/** The refusal of what a page embeds or links to. */
export function foreignPage(): Response {
  const message =
    'Pages of other sites may not embed or link to this; one on an allowed Origin uses fetch or EventSource'
  return jsonRpcError({ status: 403, message })
}

/** Compares an `Origin` header with a list of origins; `null` matches nothing. */
export function originMatcher(allowedOrigins: readonly string[]): (origin: string) => boolean {
  for (const origin of allowedOrigins) {
    if (origin !== 'loopback' && !isOrigin(origin)) {
      throw invalidConfiguration(
        `allowedOrigins has ${JSON.stringify(origin)}; write an origin such as https://app.example.com, without a path`,
      )
    }
  }
  const listed = new Set(allowedOrigins)
  const loopback = listed.delete('loopback')
  return (origin) => listed.has(origin) || (loopback && isLoopbackOrigin(origin))
}

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  // Opaque origins (`null`) also cover custom schemes such as those of browser extensions
  return (
    url !== undefined && (url.origin === text || (url.origin === 'null' && `${url.protocol}//${url.host}` === text))
  )
}

const httpOrigin = /^https?:\/\/([^/?#:@[\]]+|\[[^\]]*\])(?::\d{1,5})?$/

function isLoopbackOrigin(origin: string): boolean {
  const host = httpOrigin.exec(origin)?.[1]
  return host !== undefined && isLoopbackHost(host)
}
