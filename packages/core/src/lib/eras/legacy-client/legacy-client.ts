import { rawNotification, rawResponse } from '../../json/json-rpc.js'
import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { withoutSpans } from '../../json/without-members.js'
import { type KnownMember, named, scanKnownMembers } from '../../message/known-members.js'
import { errorCodes } from '../../protocol/error-codes.js'
import { callerKeys, metaKeys } from '../../protocol/meta-keys.js'
import { assumedVersion } from '../../protocol/revisions.js'
import { type EraFailure, failed } from '../era-failure.js'
import type { EraAnswer, EraServer, RawJson } from '../era-server.js'
import { membersOf } from '../members-of.js'
import { legacyError } from './legacy-error.js'
import { answerInitialize } from './legacy-initialize.js'
import { LegacyListener } from './legacy-listener.js'
import { LegacyQuestions } from './legacy-questions.js'
import { legacyTools } from './legacy-tools.js'

/** Who waits for the answer of one request of a legacy client. Messages are whole, for the client to read. */
export interface LegacyClientCall {
  /** Progress, or a log line, of this request. */
  related(message: Uint8Array): void
  /** A request for the client about this one; its answer comes back through `reply` or `refuse` with this number. */
  asked(message: Uint8Array, question: number): void
  /** The server takes a request for the client back. */
  withdrawn(message: Uint8Array, question: number): void
  /** The answer, with the code where it is an error. Once, and nothing comes after it; never after a cancellation. */
  answered(message: Uint8Array, errorCode?: number): void
}

/** Who stands for the client, and what is known of it. */
export interface LegacyClientOptions {
  /** Who the user is; see {@link EraCaller}. */
  readonly principal: string
  /** Takes notifications that belong to no request. */
  readonly notified: (message: Uint8Array) => void
  /** The revision that a client speaks that does not send `initialize` here; 2025-03-26 by default. */
  readonly protocolVersion?: string
  /**
   * Whether it has a stream to hear of changes on.
   *
   * @default true
   */
  readonly listens?: boolean
}

/** One client of the legacy era, from its `initialize` on. */
export interface LegacyClient {
  /**
   * Takes a request of the client, a whole JSON-RPC message.
   *
   * @param members where its members are, if that is known already
   * @returns cancels it
   */
  request(message: Uint8Array, call: LegacyClientCall, members?: readonly KnownMember[]): () => void
  /** Takes a notification. `notifications/cancelled` is the caller's to do, who knows which request is meant. */
  notify(message: Uint8Array): void
  /** Takes the client's response to a question. One that was not asked is dropped. */
  reply(question: number, message: Uint8Array): void
  /** Answers a question with an error, because the client will not. */
  refuse(question: number, why: string): void
  /** The client is gone: nothing is told or asked any more. Its requests are the caller's to cancel. */
  close(): void
}

const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']
const empty = rawJson('{}')

/** What a legacy client must not write: it is how the modern era tells who asks (MCP M11), and ours to say. */
const reserved: ReadonlySet<string> = new Set([...callerKeys, metaKeys.subscriptionId])

/**
 * Serves one legacy client (revisions 2024-11-05 to 2025-11-25) by any {@link EraServer}: answers `initialize`, `ping`
 * and `logging/setLevel` itself, keeps its subscriptions, and puts to it what the server wants to know. It does not
 * look after time limits, and does not tell whose session it is.
 *
 * @see MCP 2025-11-25, lifecycle; rules L1 and L5
 * @example
 * ```ts
 * function serve(link: EraLink, principal: string, request: Uint8Array, call: LegacyClientCall) {
 *   const client = legacyClient(modernServer(link), { principal, notified: (message) => call.related(message) })
 *   return client.request(request, call)
 * }
 * ```
 */
export function legacyClient(server: EraServer, options: LegacyClientOptions): LegacyClient {
  const { principal } = options
  let protocolVersion = options.protocolVersion ?? assumedVersion
  let capabilities: RawJson = empty
  let clientInfo: RawJson | undefined
  let logLevel: string | undefined
  const questions = new LegacyQuestions()
  const listener = new LegacyListener(server, (notification) =>
    options.notified(rawNotification(notification.method, notification.params)),
  )

  const initialize = async (params: RawJson | undefined): Promise<EraAnswer> => {
    const info = await server.discover()
    if ('error' in info) return info
    const { version, result, tells } = answerInitialize(params, info)
    protocolVersion = version
    if (params !== undefined) {
      const declared = membersOf(params, ['capabilities', 'clientInfo'])
      if (declared.capabilities !== undefined) capabilities = at(params, declared.capabilities).slice()
      if (declared.clientInfo !== undefined) clientInfo = at(params, declared.clientInfo).slice()
    }
    // A legacy server that has a log sends all of it until it is told a level
    logLevel ??= tells.logs ? 'debug' : undefined
    if (options.listens !== false) listener.offer(tells)
    return { result }
  }

  /** What is answered here; `undefined` for what the server answers. */
  const local = (method: string, params: RawJson | undefined): EraAnswer | Promise<EraAnswer> | undefined => {
    switch (method) {
      case 'initialize':
        return initialize(params)
      case 'ping':
        return { result: empty }
      case 'logging/setLevel': {
        const level = params === undefined ? undefined : parseSpan(params, membersOf(params, ['level']).level)
        if (!levels.includes(level as string))
          return failed(`level must be one of ${levels.join(', ')}`, errorCodes.invalidParams)
        logLevel = level as string
        return { result: empty }
      }
      case 'resources/subscribe':
      case 'resources/unsubscribe': {
        const uri = params === undefined ? undefined : parseSpan(params, membersOf(params, ['uri']).uri)
        if (typeof uri !== 'string') return failed('uri must be a string', errorCodes.invalidParams)
        return method === 'resources/subscribe' ? listener.watch(uri) : listener.unwatch(uri)
      }
      case 'subscriptions/listen':
        return failed('Method not found', errorCodes.methodNotFound)
      default:
        return undefined
    }
  }

  return {
    request: (message, call, members = scanKnownMembers(message)) => {
      const id = named(members, 'id')
      const method = String(parseSpan(message, named(members, 'method')))
      const params = neutral(message, named(members, 'params'))
      const controller = new AbortController()
      const { signal } = controller
      const answered = (answer: EraAnswer) => {
        questions.over(call)
        if (!signal.aborted) call.answered(...toResponse(id === undefined ? 'null' : at(message, id), answer))
      }
      const early = local(method, params)
      if (early !== undefined && !(early instanceof Promise)) {
        answered(early)
        return () => undefined
      }
      const pending =
        early ??
        server.call(
          { method, ...(params === undefined ? {} : { params }) },
          {
            ...{ principal, protocolVersion, capabilities, clientInfo, logLevel, signal },
            notify: ({ method, params }) => {
              if (!signal.aborted) call.related(rawNotification(method, params))
            },
            ask: (request, withdrawn) => questions.ask(request, call, protocolVersion, withdrawn),
          },
        )
      const translated = (answer: EraAnswer) => {
        answered('result' in answer ? { result: legacyTools(method, answer.result) } : answer)
      }
      pending.then(translated, () => answered(failed('The request could not be translated')))
      return () => {
        controller.abort()
        questions.over(call)
      }
    },
    notify: (message) => {
      const members = scanKnownMembers(message)
      const method = parseSpan(message, named(members, 'method'))
      // What the modern era has no word for; a change of roots is seen when they are asked for again
      if (typeof method !== 'string' || dropped.has(method)) return
      const params = neutral(message, named(members, 'params'))
      server.notify({ method, ...(params === undefined ? {} : { params }) })
    },
    reply: (question, message) => questions.reply(question, message),
    refuse: (question, why) => questions.answer(question, failed(why)),
    close: () => {
      listener.close()
      questions.close()
    },
  }
}

const dropped: ReadonlySet<string> = new Set([
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
])

/** `params` without what no client of this era has to say. */
function neutral(bytes: Uint8Array, params: KnownMember | undefined): RawJson | undefined {
  if (params === undefined) return undefined
  const foreign = params.members.filter(({ name }) => name === 'inputResponses' || name === 'requestState')
  const meta = named(params.members, '_meta')
  const ours = meta?.members.filter(({ name }) => reserved.has(name)) ?? []
  if (meta === undefined || ours.length === 0) return withoutSpans(bytes, params, foreign)
  const rest = withoutSpans(bytes, meta, ours)
  const cuts = params.members.filter((one) => one.name === '_meta' || foreign.includes(one))
  const others = withoutSpans(bytes, params, cuts)
  return rawJson('{"_meta":', rest, others.length === 2 ? '' : ',', others.subarray(1))
}

function toResponse(id: Uint8Array | string, answer: EraAnswer): [message: Uint8Array, code?: number] {
  if ('result' in answer) return [rawResponse(id, answer)]
  const failure: EraFailure = legacyError(answer)
  return [rawResponse(id, failure), failure.code]
}
