import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context, Mountable } from '../../contract/handler.js'
import { invalidConfiguration } from '../../contract/invalid-configuration.js'
import type { Logger } from '../../contract/logger.js'
import {
  callable,
  checkOptions,
  type OptionTypes,
  optional,
  textList,
  withMethods,
} from '../../contract/option-types.js'
import { loggerType } from '../../contract/shared-option-types.js'
import { isMalformedQuery, pathOf } from '../../http/path-fault.js'
import { createLogger } from '../../logging/create-logger.js'
import { checkNodeArguments } from './check-arguments.js'
import { clientAddress, peerAddress } from './client-address.js'
import { type HostRequest, toRequest } from './node-request.js'
import { parsedBody } from './parsed-body.js'
import { requestTarget } from './request-target.js'
import { sendResponse } from './send-response.js'

/** How a Node server hands requests over. */
export interface NodeHandlerOptions {
  /**
   * Addresses and CIDR ranges of the reverse proxies whose `X-Forwarded-For` is believed; none by default. Without
   * it, the client's address is the socket's.
   */
  readonly trustedProxies?: readonly string[]
  /**
   * What gets the requests that the mounted piece does not `match`: the application that it stands in front of, such as
   * `express()`, `app.callback()` of Koa, or what Fastify gives its `serverFactory`. Requests of the piece then cost nothing of
   * the framework. Needs a piece with `match`.
   */
  readonly next?: (request: IncomingMessage, response: ServerResponse) => unknown
  /** Where an error that reached the adapter is logged; JSON lines to standard output by default. */
  readonly logger?: Logger
}

/** Called by `node:http`, and by Express and Connect with `next`. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void) => void

/**
 * Mounts a gateway, or any `Mountable`, in a Node server: `node:http`, `node:http2` with its compatibility API, and in front
 * of an application of Express, Koa or Fastify, which gets what the gateway does not `match`. It can be a layer of Express
 * too, which costs each call about twice as much CPU; mount it in front of body parsers there. A target with dot segments in any spelling, a backslash, a `#` or a control character is 400, for
 * the layers behind too. The handler gets a lazy `Request`; to copy it, write `new Request(request.url, request)`.
 *
 * The handler throws when it is called with other arguments than those of `node:http`, as Koa and Fastify would.
 *
 * @throws {GatewayError} `invalid_configuration` for a bad entry in `trustedProxies`, and for `next` beside a piece that tells not
 *   which requests are its own
 * @example
 * ```ts
 * createServer(toNodeHandler(gateway, { next: app, trustedProxies: ['10.0.0.0/8'] })).listen(3000)
 * ```
 */
export function toNodeHandler(
  app: Mountable & { match?(request: Request): boolean },
  options: NodeHandlerOptions = {},
): NodeHandler {
  withMethods('what a create* function returns, with handle and fetch', 'handle')(app, 'The app of toNodeHandler')
  checkOptions('toNodeHandler', options, types)
  const { trustedProxies = [], logger = createLogger(), next: following } = options
  if (following !== undefined && app.match === undefined) {
    throw invalidConfiguration(
      'toNodeHandler: next needs a piece with match, such as a gateway; this one takes every request, so nothing would reach what follows',
    )
  }
  const addressOf = clientAddress(trustedProxies)

  const answer = async (outgoing: ServerResponse, request: Request, context: Context): Promise<void> => {
    try {
      await sendResponse(outgoing, await app.handle(request, context), request.method === 'HEAD')
    } catch (error) {
      if (!request.signal.aborted) logger.error({ err: error }, 'a request failed')
      fail(outgoing, 500, 'Internal error')
    }
  }

  return (incoming: HostRequest, outgoing, next) => {
    checkNodeArguments(outgoing)
    const read = requestTarget(incoming)
    if (read === undefined) {
      fail(outgoing, 400, 'The request target or the Host header is malformed')
      return
    }
    const { target, url } = read
    const request = toRequest(incoming, outgoing, url)
    if ((next ?? following) !== undefined && app.match !== undefined && !app.match(request)) {
      if (next === undefined) following?.(incoming, outgoing)
      else next()
      return
    }
    // Not before it is ours: pages of the application may have such a query
    if (isMalformedQuery(target.slice(pathOf(target).length))) {
      fail(outgoing, 400, 'The query of the request target is malformed')
      return
    }
    const parsed = parsedBody(incoming)
    if (parsed === 'lost') {
      logger.error({}, 'a body parser is mounted above the gateway; mount the gateway in front of it')
      fail(outgoing, 500, 'The server is set up wrongly: a body parser is mounted above the gateway')
      return
    }
    const address = addressOf(incoming)
    const context: Context =
      address === undefined ? { target } : { client: { address, peer: peerAddress(incoming) }, target }
    void answer(outgoing, parsed === undefined ? request : withBody(request, parsed), context)
  }
}

const types: OptionTypes<NodeHandlerOptions> = {
  trustedProxies: optional(textList),
  next: optional(callable),
  logger: optional(loggerType),
}

function withBody(request: Request, body: Uint8Array): Request {
  const headers = new Headers(request.headers)
  headers.delete('content-length')
  headers.delete('content-encoding')
  return new Request(request.url, {
    method: request.method,
    headers,
    body: body as Uint8Array<ArrayBuffer>,
    signal: request.signal,
  })
}

function fail(outgoing: ServerResponse, status: number, message: string): void {
  if (outgoing.headersSent) {
    outgoing.destroy()
    return
  }
  const body = JSON.stringify({
    error: status === 400 ? 'invalid_request' : 'server_error',
    error_description: message,
  })
  outgoing
    .writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    .end(body)
}
