import type { Client, Context, Handler, Mountable } from '../contract/handler.js'
import { checkOptions } from '../contract/option-types.js'
import { recordRefusal } from '../contract/request-record.js'
import { mountable } from '../http/mountable.js'
import { isMalformedQuery, pathFault, pathOf } from '../http/path-fault.js'
import { requestPath } from '../http/request-path.js'
import { respond } from '../http/respond.js'
import { createLogger } from '../logging/create-logger.js'
import { createAccessLog, withRequestId } from './access-log.js'
import { readBaseUrl } from './base-url.js'
import { drainer } from './drainer.js'
import { gatewayTypes } from './gateway-option-types.js'
import type { GatewayOptions } from './gateway-options.js'
import type { Place } from './place.js'
import { buildRoutes } from './routes.js'

/**
 * Wires MCP servers, their resource metadata and an authorization server into one handler: per server it checks Origin,
 * token and message, in this order, and answers `/health` and `/ready` besides. It opens no port and asks nobody
 * anything until the first request.
 *
 * `/ready` asks the storage, the authority, the vault and the servers that have a `check`; what failed is named, and why is
 * in the log.
 *
 * @returns a `Mountable`; `match` says whether a request is for it, `willClose` makes `/ready` answer 503 while requests are
 *   served on, `close` refuses new requests, waits for those under way, and closes the servers and the authorization server,
 *   but not the storage
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
  willClose(): void
  close(): Promise<void>
} {
  checkOptions('createGateway', options, gatewayTypes)
  const { logger = createLogger(), drainTimeout = 10, addressHeader, observe, logging } = options
  const log = createAccessLog({ service: 'gateway', logger, observe, userKey: logging?.userKey })
  const base = readBaseUrl(options.url)
  const inFlight = drainer()
  const { table, probes, authority, vault, willClose, close, sharedSecret } = buildRoutes(options, base, logger)

  const match = (request: Request): boolean => {
    const path = requestPath(request.url)
    if (table.has(trimSlash(path))) return true
    if (pathFault(path) !== undefined) return false
    return (vault?.match(request) ?? false) || (authority?.match(request) ?? false)
  }

  const lookUp = (request: Request, path: string, target?: string): Place => {
    if (target !== undefined && !leadsTo(target, path)) return malformed
    const place = table.get(trimSlash(path))
    if (place !== undefined) return place
    // A path of the table has one reading; of others nobody knows which place was meant
    if (pathFault(path) !== undefined) return malformed
    if (vault?.match(request)) return vault
    return authority !== undefined && (authority.match(request) ?? true) ? authority : notFound
  }

  const addressOf = (request: Request, { client }: Context): Client | undefined => {
    const address = addressHeader === undefined ? null : request.headers.get(addressHeader)
    return address === null ? client : { ...client, address }
  }

  const handle: Handler = async (request, outer) => {
    const path = requestPath(request.url)
    if (probes.has(path)) return lookUp(request, path, outer.target).handle(request, outer)
    const client = addressOf(request, outer)
    const record = log.begin(request, { path, client })
    const context: Context = {
      // What the gateway's own layers add stands here from the start: an object that grows with every copy makes a
      // request a tenth slower
      target: undefined,
      auth: undefined,
      resource: undefined,
      refuse: undefined,
      requiredScopes: undefined,
      message: undefined,
      transforms: undefined,
      sharedSecret,
      ...outer,
      client,
      requestId: record.requestId,
      logger: log.loggerOf(record),
      record,
    }
    const { handle, route } = lookUp(request, path, context.target)
    record.route = route
    if (inFlight.closing) recordRefusal(record, { by: 'gateway', code: 'closing' }, 'error')
    const answered = await inFlight.run(request, () => handle(request, context))
    return log.end(request, record, withRequestId(answered, record))
  }

  return mountable({
    handle,
    match,
    willClose,
    close: async () => {
      willClose()
      await inFlight.close(drainTimeout)
      await close()
      inFlight.endStreams()
    },
  })
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

const json = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }

const malformed: Place = {
  handle: (_request, { record }) => {
    recordRefusal(record, { by: 'gateway', code: 'malformed_path' })
    return respond(
      '{"error":"invalid_request","error_description":"The path can be read in several ways; send it without escapes of plain characters, empty segments and dot segments"}',
      { status: 400, headers: json },
    )
  },
}

const notFound: Place = {
  handle: (_request, { record }) => {
    recordRefusal(record, { by: 'gateway', code: 'not_found' })
    return respond('{"error":"not_found","error_description":"Nothing is served at this path"}', {
      status: 404,
      headers: json,
    })
  },
}
