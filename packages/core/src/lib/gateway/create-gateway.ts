import type { Client, Context, Handler, Mountable } from '../contract/handler.js'
import { checkOptions } from '../contract/option-types.js'
import { mountable } from '../http/mountable.js'
import { isMalformedQuery, pathFault, pathOf } from '../http/path-fault.js'
import { requestPath } from '../http/request-path.js'
import { respond } from '../http/respond.js'
import { withHeader } from '../http/with-header.js'
import { createLogger } from '../logging/create-logger.js'
import { accessFields } from './access-line.js'
import { readBaseUrl } from './base-url.js'
import { drainer } from './drainer.js'
import { gatewayTypes } from './gateway-option-types.js'
import type { GatewayOptions } from './gateway-options.js'
import { FieldLogger, requestId } from './request-id.js'
import { buildRoutes } from './routes.js'
import { trace, traced } from './trace.js'

/**
 * Wires MCP servers, their resource metadata and an authorization server into one handler: per server it checks Origin,
 * token and message, in this order, and answers `/health` and `/ready` besides. It opens no port and asks nobody
 * anything until the first request.
 *
 * @returns a `Mountable`; `match` says whether a request is for it, `close` refuses new requests, waits for those under
 *   way, and closes the servers and the authorization server, but not the storage
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const gateway = createGateway({
 *   url: 'https://mcp.example.com',
 *   auth: { issuer: 'https://login.example.com' },
 *   servers: { '/notes/mcp': proxy('http://notes.internal:3000/mcp') },
 * })
 * ```
 */
export function createGateway(options: GatewayOptions): Mountable & {
  match(request: Request): boolean
  close(): Promise<void>
} {
  checkOptions('createGateway', options, gatewayTypes)
  const { logger = createLogger(), drainTimeout = 10, addressHeader } = options
  const base = readBaseUrl(options.url)
  const inFlight = drainer()
  const { table, probes, authority, authorityHandler, vault, close } = buildRoutes(options, base, inFlight)

  const match = (request: Request): boolean => {
    const path = requestPath(request.url)
    if (table.has(trimSlash(path))) return true
    if (pathFault(path) !== undefined) return false
    return (vault?.match(request) ?? false) || (authority?.match?.(request) ?? false)
  }

  const lookUp = (request: Request, path: string, target?: string): Handler => {
    if (target !== undefined && !leadsTo(target, path)) return malformed
    const route = table.get(trimSlash(path))
    if (route !== undefined) return route
    // A path of the table has one reading; of others nobody knows which place was meant
    if (pathFault(path) !== undefined) return malformed
    if (vault?.match(request)) return vault.handle
    return authorityHandler !== undefined && (authority?.match?.(request) ?? true) ? authorityHandler : notFound
  }

  const clientOf = (request: Request, { client }: Context): Client | undefined => {
    const address = addressHeader === undefined ? null : request.headers.get(addressHeader)
    return address === null ? client : { address }
  }

  const handle: Handler = async (request, outer) => {
    const started = performance.now()
    const path = requestPath(request.url)
    if (probes.has(path)) return lookUp(request, path, outer.target)(request, outer)
    const id = requestId(request.headers)
    const context: Context = {
      ...blank,
      ...outer,
      client: clientOf(request, outer),
      requestId: id,
      logger: new FieldLogger(logger, { request_id: id }),
      [trace]: {},
    }
    const answered = await inFlight.run(request, () => lookUp(request, path, context.target)(request, context))
    const response = withHeader(answered, 'X-Request-Id', id)
    logger.info(accessFields(request, path, response, traced(context), performance.now() - started), 'request')
    return response
  }

  return mountable({
    handle,
    match,
    close: async () => {
      await inFlight.close(drainTimeout)
      await close()
    },
  })
}

/** What layers add later stands here from the start: objects that grow with every copy cost more than all the layers. */
const blank: Context = {
  client: undefined,
  target: undefined,
  requestId: undefined,
  logger: undefined,
  [trace]: undefined,
  auth: undefined,
  resource: undefined,
  refuse: undefined,
  requiredScopes: undefined,
  message: undefined,
  transforms: undefined,
}

// Clients add a slash to what people paste; the resource stays the one without
function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** Whether a path is that of the target as it came, or of one with a single reading that the host has normalised. */
function leadsTo(target: string, path: string): boolean {
  const sent = pathOf(target)
  return (sent === path || pathFault(sent) === undefined) && !isMalformedQuery(target.slice(sent.length))
}

const malformed: Handler = () =>
  respond(
    '{"error":"invalid_request","error_description":"The path can be read in several ways; send it without escapes of plain characters, empty segments and dot segments"}',
    { status: 400, headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' } },
  )

const notFound: Handler = () =>
  respond('{"error":"not_found","error_description":"Nothing is served at this path"}', {
    status: 404,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
  })
