import { BoundedMap } from '../cache/bounded-map.js'
import type { AuthInfo } from '../contract/auth-info.js'
import type { Context, Handler } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { Logger } from '../contract/logger.js'
import type { Message } from '../contract/message.js'
import {
  anyOf,
  callable,
  checkOptions,
  filledText,
  flag,
  listOf,
  notNegative,
  type OptionTypes,
  oneOf,
  optional,
  positive,
  withMethods,
} from '../contract/option-types.js'
import type { RequestObserver } from '../contract/request-observer.js'
import type { RequestRecord } from '../contract/request-record.js'
import { loggerType } from '../contract/shared-option-types.js'
import { jsonRpcError, jsonRpcErrorBody } from '../http/json-rpc-error.js'
import { createLogger } from '../logging/create-logger.js'
import { answerOf } from '../message/recorded-answer.js'
import { inTime } from '../runtime/in-time.js'
import { randomToken } from '../text/random-token.js'
import type { AuditEvent, AuditEventType, AuditOutcome } from './audit-event.js'
import type { AuditSink } from './audit-sink.js'
import { AuditWriter, type AuditWriterStats, type WhenFull } from './audit-writer.js'
import type { AuthorizationServerEvent } from './authorization-server-event.js'
import { addResult, type CallFacts, callKey, factsOf } from './call-facts.js'
import { createEventIds } from './event-id.js'
import { eventOfAuthorization } from './event-of-authorization.js'
import { eventOfRecord } from './event-of-record.js'
import { partsOf } from './parts-of-event.js'
import { SpillFolder } from './spill-folder.js'

/** Successes that need not be kept. Failures and denials of all kinds always are. */
export type AuditSuccess = 'authentication' | 'authorization' | 'list' | 'task' | 'session' | 'request'

/** What an audit keeps, where, and what it does when that fails. */
export interface AuditOptions {
  /** Where events are kept: a sink such as `postgresAudit(pool)`, a function, or several of them, each with its own queue. */
  readonly sink: AuditSink | AuditFunction | readonly (AuditSink | AuditFunction)[]
  /**
   * What is done with events for which there is no room in the queue, because the sink fails or is slow. `block`: requests wait,
   * `blockTimeout` at most, and are then refused with 503 before they reach a server. `spill`: events wait in files in
   * `spillDirectory`. `drop`: the oldest calls that went well are lost, then what comes; how many is kept as an event
   * `audit_gap`.
   *
   * @default spill with a spillDirectory, otherwise drop
   */
  readonly whenFull?: WhenFull
  /** A folder for events that wait, of this process alone. Written to as soon as the sink fails, and read when it works again. */
  readonly spillDirectory?: string
  /**
   * Bytes of the files in it, for each sink.
   *
   * @default 268_435_456
   */
  readonly maxSpillBytes?: number
  /**
   * Events in the queue of a sink.
   *
   * @default 10_000
   */
  readonly maxEvents?: number
  /**
   * Bytes that they may have, as an estimate.
   *
   * @default 16_777_216
   */
  readonly maxBytes?: number
  /**
   * Seconds that an event waits for others, to be written with them. What is in the queue is lost when the process is killed:
   * while the sink keeps up, one batch.
   *
   * @default 0.1
   */
  readonly batchDelay?: number
  /**
   * Whether the answer waits until the event is kept (of an event stream, the message that answers). If it cannot be kept within
   * `blockTimeout`, the answer is 503, though what was asked for may have been done.
   *
   * @default false
   */
  readonly durable?: boolean
  /**
   * Seconds that a request waits for room, and an answer for its event.
   *
   * @default 5
   */
  readonly blockTimeout?: number
  /**
   * Seconds that a sink has for a batch, after which it counts as failed.
   *
   * @default 10
   */
  readonly writeTimeout?: number
  /**
   * Seconds that `close` writes what is left.
   *
   * @default 10
   */
  readonly closeTimeout?: number
  /**
   * Successes that are kept beside those of calls, resources and prompts. With `authentication`, each accepted token is an event
   * of its own, and with `authorization` each decision of a policy; both belong to a call (`parentId`), which tells the
   * same.
   *
   * @default ['session', 'task']
   */
  readonly successes?: readonly AuditSuccess[]
  /**
   * Whether arguments of tools and prompts are kept, without what looks like a credential. Otherwise only their names are.
   *
   * @default false
   */
  readonly arguments?: boolean
  /**
   * Whether results are kept, likewise.
   *
   * @default false
   */
  readonly results?: boolean
  /**
   * Bytes of arguments, and of a result; what is longer is cut.
   *
   * @default 1024
   */
  readonly maxContentBytes?: number
  /**
   * What becomes of e-mail addresses, phone numbers, addresses and the like in texts of strangers. With `mask` the client's IP
   * address is left out. Ids of users stay in any case: events are found by them.
   *
   * @default keep
   */
  readonly personalData?: 'keep' | 'mask'
  /** Tells whose the event is, where one gateway serves several customers. */
  readonly tenant?: (auth: AuthInfo | undefined, record: RequestRecord) => string | undefined
  /**
   * The name of this process in events.
   *
   * @default random
   */
  readonly replica?: string
  readonly logger?: Logger
}

/** A sink that is only a function: what it throws, or a promise that rejects, is a failure, and it is called again. */
export type AuditFunction = (events: readonly AuditEvent[]) => unknown

/** An event that an application adds. */
export type AddedEvent = Pick<AuditEvent, 'type' | 'outcome'> & Partial<Omit<AuditEvent, 'id' | 'ts' | 'replica' | 'v'>>

/** What `createAudit` returns: give it to a gateway as `observe`. */
export interface Audit extends Required<Omit<RequestObserver, 'begin' | 'hold'>>, Pick<RequestObserver, 'hold'> {
  /** For `onEvent` of an authorization server. */
  readonly onEvent: (event: AuthorizationServerEvent) => void
  /** Adds an event of the application, whose texts it keeps as they are. */
  readonly add: (event: AddedEvent) => void
  /** Resolves when all events so far are kept or given up. */
  readonly flush: () => Promise<void>
  /** Counts for each sink. */
  readonly stats: () => readonly AuditWriterStats[]
}

const types: OptionTypes<AuditOptions> = {
  sink: anyOf(
    'a sink such as postgresAudit(pool), a function, or a list of them',
    callable,
    withMethods('a sink', 'write'),
    listOf(anyOf('a sink or a function', callable, withMethods('a sink', 'write'))),
  ),
  whenFull: optional(oneOf('block', 'spill', 'drop')),
  spillDirectory: optional(filledText),
  maxSpillBytes: optional(positive),
  maxEvents: optional(positive),
  maxBytes: optional(positive),
  batchDelay: optional(notNegative),
  durable: optional(flag),
  blockTimeout: optional(positive),
  writeTimeout: optional(positive),
  closeTimeout: optional(notNegative),
  successes: optional(listOf(oneOf('authentication', 'authorization', 'list', 'task', 'session', 'request'))),
  arguments: optional(flag),
  results: optional(flag),
  maxContentBytes: optional(positive),
  personalData: optional(oneOf('keep', 'mask')),
  tenant: optional(callable),
  replica: optional(filledText),
  logger: optional(loggerType),
}

const always: ReadonlySet<AuditEventType> = new Set(['tool_call', 'resource_read', 'prompt_get'])
/** Requests that their authorization server has told of, and calls that were withdrawn, that are remembered. */
const maxRemembered = 2000
const notDone = 'The audit of this gateway cannot be written now; nothing was done; try again'
const notKept = 'The audit of this gateway cannot be written now; what was asked for may have been done'

/**
 * Writes down who did what: one event for each call, and for each request that was refused, wherever that was; of an
 * authorization server each login, token and registration. Events are written in batches beside the requests. Each call tells
 * its authentication and the decision about it, and the names of its arguments but not their values. It is no log of HTTP: what
 * found nothing (404), metadata, `ping` and notifications leave no event.
 *
 * Give it to the gateway as `observe`; the gateway closes it after the last request, so that no event is lost. It opens and
 * writes nothing before the first event.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const audit = createAudit({ sink: postgresAudit(pool) })
 * const gateway = createGateway({
 *   url,
 *   auth: createAuthorizationServer({ issuer: url, storage, identityProvider, onEvent: audit.onEvent }),
 *   servers,
 *   observe: audit,
 * })
 * ```
 */
export function createAudit(options: AuditOptions): Audit {
  checkOptions('createAudit', options, types)
  const { durable = false, arguments: hasArguments = false, results = false, maxContentBytes = 1024 } = options
  const { personalData = 'keep', logger = createLogger(), replica = randomToken(6), tenant } = options
  const { spillDirectory, whenFull = spillDirectory === undefined ? 'drop' : 'spill' } = options
  const content = { arguments: hasArguments, results, maxContentBytes, personalData }
  const successes: ReadonlySet<AuditEventType> = new Set([...always, ...(options.successes ?? ['session', 'task'])])
  const blockTimeout = (options.blockTimeout ?? 5) * 1000
  const isBlocking = whenFull === 'block'
  const nextId = createEventIds()
  const wants = (type: AuditEventType, outcome: AuditOutcome, record: RequestRecord): boolean => {
    if (outcome === 'ok') return record.route?.kind !== 'authority' && successes.has(type)
    const { refusal, status = 0, route, requestId } = record
    if (refusal?.code === 'not_found') return false
    if (route?.kind !== 'authority') return true
    const isRefused = refusal !== undefined || status === 401 || status === 403 || status === 429
    return isRefused && !told.get(requestId)
  }
  const eventOptions = { nextId, replica, wants, personalData, tenant }
  const writers = writersOf(options, { whenFull, spillDirectory, logger, gapEvent })
  const facts = new WeakMap<RequestRecord, CallFacts>()
  /** What an answer has to wait for. */
  const pending = new WeakMap<RequestRecord, Promise<boolean>[]>()
  /** Those whose event has been written. */
  const done = new WeakSet<RequestRecord>()
  const told = new BoundedMap<true>(maxRemembered)
  const withdrawn = new BoundedMap<true>(maxRemembered)

  function gapEvent(lost: number, from: number, to: number): AuditEvent {
    const reason = `${lost} events were lost between ${new Date(from).toISOString()} and ${new Date(to).toISOString()}`
    return {
      id: nextId(),
      ts: Date.now(),
      type: 'audit_gap',
      outcome: 'error',
      code: String(lost),
      reason,
      replica,
      v: 1,
    }
  }

  const write = (event: AuditEvent): Promise<boolean> | undefined => {
    if (!durable) {
      for (const writer of writers) writer.add(event)
      return undefined
    }
    const kept = writers.map((writer) => new Promise<boolean>((resolve) => writer.add(event, resolve)))
    return Promise.all(kept).then((all) => all.every(Boolean))
  }

  /** Writes the event of a request or message, once. */
  const tell = (record: RequestRecord): Promise<boolean> | undefined => {
    if (done.has(record)) return undefined
    done.add(record)
    const event = eventOfRecord(record, facts.get(record), eventOptions)
    if (event === undefined) return undefined
    for (const part of partsOf(event, record, successes, nextId)) write(part)
    return write(event)
  }

  const observe = (record: RequestRecord): void => {
    const messages = record.parts ?? [record]
    const waitFor = (some: readonly RequestRecord[]) => {
      const waits = some.map(tell).filter((one) => one !== undefined)
      if (waits.length > 0) pending.set(record, waits)
    }
    if (record.times.end === undefined) {
      // What is no event stream is answered as a whole, also where nobody told its length
      const isStream = (message: RequestRecord) => facts.get(message)?.isStream ?? (record.status ?? 0) < 400
      if (durable) waitFor(messages.filter((message) => !isStream(message)))
      record.onEnd(() => {
        for (const message of messages) tell(message)
      })
      return
    }
    waitFor(messages)
  }

  /** Whether there is room in all queues. */
  const hasRoom = (): true | Promise<boolean> => {
    if (writers.every((writer) => !writer.isFull)) return true
    return Promise.all(writers.map((writer) => writer.room(blockTimeout))).then((all) => all.every(Boolean))
  }

  const hold = async (record: RequestRecord, answer: Response): Promise<Response> => {
    const waits = pending.get(record)
    if (waits !== undefined) {
      if (await soon(Promise.all(waits), blockTimeout)) return answer
      return replace(answer, unavailable(record.message?.id))
    }
    // A call has waited for room before it was made
    const isCall = record.parts !== undefined || facts.has(record)
    if (!isBlocking || isCall || (await hasRoom())) return answer
    return replace(answer, unavailable(record.message?.id, notDone))
  }

  const look = (record: RequestRecord, asked: Message, known: CallFacts) => (message: Message) => {
    if (message.kind !== 'response' || message.id !== asked.id) return message
    record.answer = answerOf(message)
    known.answeredAt = performance.now()
    if (results) addResult(known, message, content)
    if (!durable) return message
    const kept = tell(record)
    if (kept === undefined) return message
    return soon(
      kept.then((isKept) => [isKept]),
      blockTimeout,
    ).then((isKept) =>
      isKept ? message : message.with({ ...jsonRpcErrorBody({ status: 503, message: notKept, id: asked.id }) }),
    )
  }

  const middleware = (request: Request, context: Context, next: Handler): Response | Promise<Response> => {
    const { message, record } = context
    if (message?.method === undefined || record === undefined) return next(request, context)
    if (message.kind === 'notification') {
      const { params } = message.json()
      if (message.method === 'notifications/cancelled')
        withdrawn.set(callKey(request, context, params?.requestId), true)
      return next(request, context)
    }
    const isCancelled = () =>
      request.signal.aborted || withdrawn.get(callKey(request, context, message.id)) !== undefined
    const known = factsOf(message, content, isCancelled)
    facts.set(record, known)
    // Middleware behind this one adds to the list, and what is added last sees the answer first
    const transforms = [...(context.transforms ?? []), look(record, message, known)]
    const answered = (response: Response): Response => {
      known.isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
      return response
    }
    const pass = () => {
      const answer = next(request, { ...context, transforms })
      return 'then' in answer ? answer.then(answered) : answered(answer)
    }
    const room = isBlocking ? hasRoom() : true
    if (room === true) return pass()
    return room.then((isThere) => {
      if (isThere) return pass()
      record.refusal = { by: 'audit', code: 'audit_full', reason: 'The audit queue was full' }
      record.decision = 'error'
      return unavailable(message.id, notDone)
    })
  }

  return {
    name: 'audit',
    observe,
    // Without it answers wait for nothing
    ...((durable || isBlocking) && { hold }),
    middleware,
    onEvent(event) {
      if (event.requestId !== undefined) told.set(event.requestId, true)
      write(eventOfAuthorization(event, eventOptions))
    },
    add(event) {
      write({ ...event, id: nextId(), ts: Date.now(), replica, v: 1 })
    },
    async flush() {
      await Promise.all(writers.map((writer) => writer.flush()))
    },
    stats: () => writers.map((writer) => writer.stats()),
    async check() {
      const found = await Promise.all(writers.map((writer) => writer.check()))
      return found.find((one) => one !== undefined)
    },
    async close() {
      const timeout = (options.closeTimeout ?? 10) * 1000
      await Promise.all(writers.map((writer) => writer.close(timeout)))
    },
  }
}

interface WriterParts {
  readonly whenFull: WhenFull
  readonly spillDirectory: string | undefined
  readonly logger: Logger
  readonly gapEvent: (lost: number, from: number, to: number) => AuditEvent
}

function writersOf(options: AuditOptions, { whenFull, spillDirectory, logger, gapEvent }: WriterParts): AuditWriter[] {
  if ((whenFull === 'spill') !== (spillDirectory !== undefined)) {
    throw invalidConfiguration(
      'createAudit: spillDirectory and whenFull: "spill" go together; give both, or the folder alone, or neither',
    )
  }
  const { sink, maxEvents = 10_000, maxBytes = 16_777_216, maxSpillBytes = 268_435_456 } = options
  const { batchDelay = 0.1, writeTimeout = 10 } = options
  const sinks = Array.isArray(sink) ? (sink as readonly (AuditSink | AuditFunction)[]) : [sink as AuditSink]
  if (sinks.length === 0) throw invalidConfiguration('createAudit: sink must not be an empty list; give a sink')
  return sinks.map((one, index) => {
    const folder = sinks.length === 1 ? spillDirectory : `${spillDirectory}/${index}`
    return new AuditWriter(typeof one === 'function' ? toSink(one) : one, {
      whenFull,
      maxEvents,
      maxBytes,
      batchDelay: batchDelay * 1000,
      writeTimeout: writeTimeout * 1000,
      spill: spillDirectory === undefined ? undefined : new SpillFolder(folder as string, maxSpillBytes),
      logger,
      gapEvent,
    })
  })
}

function toSink(write: AuditFunction): AuditSink {
  return {
    name: 'a function',
    write: async (events) => {
      await write(events)
    },
  }
}

/** Whether all that is waited for is kept in time. */
async function soon(kept: Promise<readonly boolean[]>, milliseconds: number): Promise<boolean> {
  const all = await inTime(
    () => kept,
    milliseconds,
    () => [false],
  )
  return all.every(Boolean)
}

async function replace(answer: Response, by: Response): Promise<Response> {
  await answer.body?.cancel().catch(() => {})
  return by
}

function unavailable(id: string | number | null | undefined, message = notKept): Response {
  return jsonRpcError({ status: 503, message, id }, { 'Retry-After': '5' })
}
