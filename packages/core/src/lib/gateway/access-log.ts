import { BoundedMap } from '../cache/bounded-map.js'
import type { Context } from '../contract/handler.js'
import type { Logger } from '../contract/logger.js'
import { type Observe, type ObserveOption, observersOf } from '../contract/request-observer.js'
import type { RequestRecord } from '../contract/request-record.js'
import { withHeader } from '../http/with-header.js'
import { sha256AtOnce } from '../text/hmac-sha256.js'
import { accessFields, answeredError } from './access-line.js'
import { RecordedRequest } from './recorded-request.js'
import { FieldLogger, requestId } from './request-id.js'
import { createUserHash } from './user-hash.js'

/** Who writes access lines, and who else hears of each request. */
export interface AccessLogOptions {
  /** Which piece it is: the field `service` of every line. */
  readonly service: string
  readonly logger: Logger
  /** Called once for each request, when its answer begins. What they throw is logged. */
  readonly observe?: ObserveOption
  /** Key of the hash that stands for a user, at least 32 characters. */
  readonly userKey?: string
}

/** What is known of a request when it comes. */
export interface ArrivedRequest {
  readonly path: string
  readonly client?: Context['client']
  /** What the host calls it; otherwise it is named here. */
  readonly requestId?: string
}

/** Writes one line for each request, the same for every piece that has endpoints of its own. */
export interface AccessLog {
  /** What stands for a user in the log. */
  readonly userHash: (userId: string) => string
  begin(request: Request, arrived: ArrivedRequest): RecordedRequest
  /** Where the lines about one request go. */
  loggerOf(record: RequestRecord): Logger
  /** Writes the line of a request whose answer begins, and tells the observers. A promise only where one holds the answer. */
  end(request: Request, record: RecordedRequest, response: Response): Response | Promise<Response>
}

/** How many fingerprints of sessions are remembered; what comes again is hashed again. */
const maxSessions = 1000
/** Characters of a session id that are hashed: a header of 16 KB would cost a stranger's request a millisecond. */
const maxHashed = 512

/** @throws {GatewayError} `invalid_configuration` for a key of fewer than 32 characters */
export function createAccessLog({ service, logger, observe, userKey }: AccessLogOptions): AccessLog {
  const userHash = createUserHash(userKey)
  const fingerprints = new BoundedMap<string>(maxSessions)
  const onError = (error: unknown) => logger.error({ service, err: error }, 'the observer of requests failed')
  const observers = observersOf(observe)
  const observing = observers.map(
    (observer): Observe =>
      (record) =>
        observer.observe(record),
  )
  const holding = observers.filter(({ hold }) => hold !== undefined)
  const beginning = observers.flatMap(({ begin }) => begin ?? [])
  const tell = (record: RequestRecord, all: readonly Observe[]): void => {
    for (const observe of all) {
      try {
        const told: unknown = observe(record)
        if (isPromise(told)) told.then(undefined, onError)
      } catch (error) {
        onError(error)
      }
    }
  }
  const held = async (record: RequestRecord, first: Response): Promise<Response> => {
    let response = first
    for (const { hold } of holding) response = (await hold?.(record, response)) ?? response
    return response
  }
  /** Session ids are secrets, and as random as a key: nobody finds one by trying. */
  const fingerprint = (session: string): string => {
    const id = session.slice(0, maxHashed)
    const known = fingerprints.get(id)
    if (known !== undefined) return known
    const made = sha256AtOnce(id).slice(0, 16)
    fingerprints.set(id, made)
    return made
  }
  return {
    userHash,
    begin(request, { path, client, requestId: given }) {
      const record = new RecordedRequest(request, {
        requestId: given ?? requestId(request.headers),
        path,
        clientAddress: client?.address,
        onError,
      })
      if (beginning.length > 0) tell(record, beginning)
      return record
    },
    loggerOf: ({ requestId: id }) => new FieldLogger(logger, { service, request_id: id }),
    end(request, record, response) {
      const session = request.headers.get('mcp-session-id') ?? response.headers.get('mcp-session-id')
      if (session !== null) record.session = fingerprint(session)
      record.began(response)
      const fields = accessFields(record, { service, userHash, error: answeredError(response) })
      if (response.status >= 500) logger.error(fields, 'request')
      else logger.info(fields, 'request')
      if (observers.length === 0) return response
      const followed = record.follow(response)
      tell(record, observing)
      return holding.length === 0 ? followed : held(record, followed)
    },
  }
}

/** Tells the client under which id its request is in the log. */
export function withRequestId(response: Response, { requestId: id }: RequestRecord): Response {
  return withHeader(response, 'X-Request-Id', id)
}

/** An observer may be an asynchronous function, whose promise is of another library or realm. */
function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
