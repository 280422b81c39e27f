import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context, Mountable } from '../../contract/handler.js'
import type { Logger } from '../../contract/logger.js'
import { checkOptions, optional, textList, withMethods } from '../../contract/option-types.js'
import { loggerType } from '../../contract/shared-option-types.js'
import { isMalformedQuery, pathOf } from '../../http/path-fault.js'
import { createLogger } from '../../logging/create-logger.js'
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
  /** Where an error that reached the adapter is logged; JSON lines to standard output by default. */
  readonly logger?: Logger
}

/** Called by `node:http`, and by Express with `next`. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void) => void

/**
 * Mounts a gateway, or any `Mountable`, in a Node server: `node:http`, `node:http2` with its compatibility API, Express
 * 4 and 5, Koa, Fastify. With Express, requests that the gateway does not `match` go on to the next layer. Mount it in
 * front of body parsers. A target with dot segments in any spelling, a backslash, a `#` or a control character is 400, for
 * the layers behind too. The handler gets a lazy `Request`; to copy it, write `new Request(request.url, request)`.
 *
 * @throws {GatewayError} `invalid_configuration` for a bad entry in `trustedProxies`
 * @example
 * ```ts
 * app.use(toNodeHandler(gateway, { trustedProxies: ['10.0.0.0/8'] }))
 * ```
 */
export function toNodeHandler(
  app: Mountable & { match?(request: Request): boolean },
  options: NodeHandlerOptions = {},
): NodeHandler {
  withMethods('what a create* function returns, with handle and fetch', 'handle')(app, 'The app of toNodeHandler')
  checkOptions('toNodeHandler', options, { trustedProxies: optional(textList), logger: optional(loggerType) })
  const { trustedProxies = [], logger = createLogger() } = options
  const addressOf = clientAddress(trustedProxies)

  const answer = async (outgoing: ServerResponse, request: Request, context: Context): Promise<void> => {
    try {
      await sendResponse(outgoing, await app.handle(request, context), request.method === 'HEAD')
    } catch (error) {
      if (!request.signal.aborted) logger.error({ error }, 'a request failed')
      fail(outgoing, 500, 'Internal error')
    }
  }

  return (incoming: HostRequest, outgoing, next) => {
    const read = requestTarget(incoming)
    if (read === undefined) {
      fail(outgoing, 400, 'The request target or the Host header is malformed')
      return
    }
    const { target, url } = read
    const request = toRequest(incoming, outgoing, url)
    if (next !== undefined && app.match !== undefined && !app.match(request)) {
      next()
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
