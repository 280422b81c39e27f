import type { Client, Context, Handler, Mountable } from '../contract/handler.js'
import { checkOptions } from '../contract/option-types.js'
import { observersOf } from '../contract/request-observer.js'
import { recordRefusal } from '../contract/request-record.js'
import type { GatewayPath } from '../contract/served-path.js'
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
import type { NamedHost } from './hosts.js'
import { createMissLog } from './miss-log.js'
import type { Place } from './place.js'
import { buildRoutes } from './routes.js'

/** What `createGateway` returns. */
export interface Gateway extends Mountable {
  /**
   * Whether a request is for this gateway, by host and path; an application keeps the others. A host that is no public name
   * (an address, `localhost`, a name without a domain) tells nothing, and the path decides.
   */
  match(request: Request): boolean
  /** What `match` takes: each host and path, and what is there. Paths of an `auth` or `vault` that does not tell them are left out. */
  paths(): readonly GatewayPath[]
  /** Makes `/ready` answer 503, while requests are served on. */
  willClose(): void
  /**
   * Refuses new requests, waits for those under way, and closes the servers and the authorization server, but not the storage.
   */
  close(): Promise<void>
}

/**
 * Wires MCP servers, their resource metadata and an authorization server into one handler: per server it checks Origin,
 * token and message, in this order, and answers `/health` and `/ready` besides. It opens no port and asks nobody
 * anything until the first request.
 *
 * `/ready` asks the storage, the authority, the vault and the servers that have a `check`; what failed is named, and why is
 * in the log.
 *
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
export function createGateway(options: GatewayOptions): Gateway {
  checkOptions('createGateway', options, gatewayTypes)
  const { logger = createLogger(), drainTimeout = 10, addressHeader, observe, logging } = options
  const log = createAccessLog({ service: 'gateway', logger, observe, userKey: logging?.userKey })
  const base = readBaseUrl(options.url)
  const inFlight = drainer()
  const { hostOf, table, pieces, paths, willClose, close, sharedSecret } = buildRoutes(options, base, logger)
  const missed = createMissLog(table, { prefix: base.prefix, logger })

  const find = (request: Request, path: string, host: NamedHost): Place | undefined => {
    const place = table.find(host, trimSlash(path))
    if (place !== undefined) return place
    // A path of the table has one reading; of others nobody knows which place was meant
    if (pathFault(path) !== undefined) return undefined
    return pieces.find((piece) => piece.match(request, host) ?? false)
  }

  const match = (request: Request): boolean => {
    const path = requestPath(request.url)
    const host = hostOf(request)
    const place = find(request, path, host)
    if (place !== undefined && host.kind !== 'foreign') return true
    missed(path, host, place)
    return false
  }

  const lookUp = (request: Request, path: string, target?: string): Place => {
    if (target !== undefined && !leadsTo(target, path)) return malformed
    const host = hostOf(request)
    const place = find(request, path, host)
    if (place !== undefined) return place
    if (pathFault(path) !== undefined) return malformed
    // An authority that does not tell its paths gets what nobody else has
    const silent = pieces.find((piece) => piece.match(request, host) === undefined)
    if (silent !== undefined) return silent
    missed(path, host, undefined)
    return notFound
  }

  const addressOf = (request: Request, { client }: Context): Client | undefined => {
    const address = addressHeader === undefined ? null : request.headers.get(addressHeader)
    return address === null ? client : { ...client, address }
  }

  const handle: Handler = async (request, outer) => {
    const path = requestPath(request.url)
    const place = lookUp(request, path, outer.target)
    if (place.isProbe) return place.handle(request, outer)
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
    record.route = place.route
    if (inFlight.closing) recordRefusal(record, { by: 'gateway', code: 'closing' }, 'error')
    const answered = await inFlight.run(request, () => place.handle(request, context))
    return log.end(request, record, withRequestId(answered, record))
  }

  return mountable({
    handle,
    match,
    paths,
    willClose,
    close: async () => {
      willClose()
      await inFlight.close(drainTimeout)
      try {
        await close()
      } finally {
        inFlight.endStreams()
        // The last to go: they hear of the streams that have just ended
        await Promise.all(observersOf(observe).map((observer) => observer.close?.()))
      }
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
