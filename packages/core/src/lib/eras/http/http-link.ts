import type { Context, Handler } from '../../contract/handler.js'
import { readStream } from '../../http/read-body.js'
import { readEvents } from '../../http/read-events.js'
import { rawNotification, rawRequest, rawResponse } from '../../json/json-rpc.js'
import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { parseMessage } from '../../message/parse-message.js'
import { methodSubject } from '../../message/subjects.js'
import { errorCodes, gatewayCode } from '../../protocol/error-codes.js'
import { encodeHeaderValue } from '../../protocol/header-value.js'
import { newestLegacy, newestModern } from '../../protocol/revisions.js'
import { displayText } from '../../text/display-text.js'
import { type EraFailure, failed } from '../era-failure.js'
import type { EraAnswer, EraLink, EraLinkCall, EraLinkListener, EraNotification, EraRequest } from '../era-server.js'
import { membersOf } from '../members-of.js'
import type { ToolHeaders } from '../tool-headers.js'
import { type Incoming, readIncoming } from './incoming.js'
import { type RequestTime, RequestTimer } from './request-timer.js'
import { StandingStream } from './standing-stream.js'

const maxAnswer = 67_108_864
/** Seconds that a server has to say whether it still knows a session. */
const pingTimeout = 5
const noopObserver: EraLinkListener = {
  notified: () => undefined,
  asked: () => () => undefined,
  ended: () => undefined,
}

/** What a link speaks through, and how. */
export interface HttpLinkOptions {
  /** A handler behind which the server stands, such as a proxy. */
  readonly upstream: Handler
  /** The address for the requests; a handler that forwards them has its own. */
  readonly url: string
  /** Who asks: the verified token and the rest of what is known, without the client's message and transforms. */
  readonly context: Context
  readonly era: 'legacy' | 'modern'
  /** How long a request may take; for ever where it is left out. */
  readonly time?: RequestTime
}

/** A request that is sent, and who hears what comes of it. */
interface Exchange extends Pick<EraLinkCall, 'related' | 'protocolVersion'> {
  readonly id: number
  readonly method: string
  readonly answered: (answer: EraAnswer) => void
  readonly signal: AbortSignal
}

/** An MCP server over Streamable HTTP, behind any handler, as what a translation speaks with. */
export class HttpLink implements EraLink {
  listener: EraLinkListener = noopObserver
  /** Who asks; to be renewed with each request of the client, since tokens end. */
  context: Context
  /** Which arguments a modern server wants to see in headers; none by default. */
  tools: ToolHeaders | undefined
  readonly #upstream: Handler
  readonly #url: string
  readonly #isModern: boolean
  readonly #time: RequestTime | undefined
  readonly #closing = new AbortController()
  readonly #withdrawals: Map<string, () => void> = new Map()
  #session: string | undefined
  #version: string
  /** On which a legacy server says what belongs to no request. */
  readonly #standing = new StandingStream(
    () => {
      const headers = this.#headers
      headers.set('Accept', 'text/event-stream')
      return this.#upstream(new Request(this.#url, { headers, signal: this.#closing.signal }), this.context)
    },
    (body) => this.#read(body, (incoming) => incoming.kind !== 'response' && this.#receive(incoming)),
    this.#closing.signal,
    () => void this.#checkSession(),
  )
  #listening: Promise<void> | undefined
  #lastId = 0
  #queued = 0
  #underWay = 0
  #isLost = false
  #checking: Promise<boolean> | undefined

  constructor({ upstream, url, context, era, time }: HttpLinkOptions) {
    this.#upstream = upstream
    this.#url = url
    this.context = context
    this.#isModern = era === 'modern'
    this.#time = time
    this.#version = this.#isModern ? newestModern : newestLegacy
  }

  /** Bytes of notifications that the server has not taken yet. */
  get queued(): number {
    return this.#queued
  }

  /** Whether nothing new can be sent over it; what is under way may still be answered. */
  get isOver(): boolean {
    return this.#isLost || this.#closing.signal.aborted
  }

  /** Whether the server does not know its session any more. */
  get isLost(): boolean {
    return this.#isLost
  }

  request({ method, params }: EraRequest, call: EraLinkCall): (reason: string) => void {
    if (this.#isLost) {
      call.answered(sessionLost)
      return () => undefined
    }
    // What belongs to no request goes by the revision of the last one
    this.#version = call.protocolVersion ?? this.#version
    const id = ++this.#lastId
    const controller = new AbortController()
    let isOver = false
    const cancel = (reason: string) => {
      // The modern era cancels by closing (MCP M17), the legacy one by saying so (MCP L3)
      controller.abort()
      if (this.#isModern || method === 'initialize') return
      const params = rawJson(JSON.stringify({ requestId: id, reason }))
      this.notify({ method: 'notifications/cancelled', params })
    }
    const late = (seconds: number) => {
      answered(failed(`The server did not answer within ${seconds} s`, gatewayCode(504)), true)
      cancel('The request timed out')
    }
    // A person may be thinking, and a subscription is silent by nature
    const isHeldUp = () => this.#withdrawals.size > 0
    const time = method === 'subscriptions/listen' ? undefined : this.#time
    const timer = time && new RequestTimer(time, isHeldUp, late)
    const answered = (answer: EraAnswer, isGivenUp = false) => {
      if (isOver) return
      isOver = true
      timer?.stop()
      call.answered(answer, isGivenUp)
    }
    const related = (notification: EraNotification) => {
      timer?.restart()
      call.related(notification)
    }
    const message = rawRequest(id, method, params)
    this.#underWay++
    const { signal } = controller
    this.#exchange(message, { id, method, related, protocolVersion: call.protocolVersion, answered, signal })
      .catch(() => answered(failed('The connection to the server broke before it answered')))
      .finally(() => {
        this.#underWay--
        if (this.#isLost) this.#closeUnused()
      })
    return (reason) => {
      if (isOver) return
      isOver = true
      timer?.stop()
      cancel(reason)
    }
  }

  notify({ method, params }: EraNotification): void {
    const message = rawNotification(method, params)
    this.#queued += message.length
    this.#post(message, this.#closing.signal)
      .then((response) => response.body?.cancel())
      .catch(() => undefined)
      .finally(() => {
        this.#queued -= message.length
        if (method === 'notifications/initialized') void this.#standing.run()
      })
    // Many servers lose what they say while nobody listens
    if (method === 'notifications/initialized') this.#listening = this.#standing.opened
  }

  /** Ends the session at the server, and everything that is under way. */
  close(): void {
    if (this.#closing.signal.aborted) return
    const headers = this.#headers
    this.#closing.abort()
    if (this.#session === undefined) return
    const request = new Request(this.#url, { method: 'DELETE', headers })
    Promise.resolve(this.#upstream(request, this.context)).then(
      (response) => response.body?.cancel(),
      () => undefined,
    )
  }

  get #headers(): Headers {
    const headers = new Headers({ Accept: 'application/json, text/event-stream' })
    if (this.#session !== undefined) headers.set('Mcp-Session-Id', this.#session)
    headers.set('MCP-Protocol-Version', this.#version)
    return headers
  }

  async #post(bytes: Uint8Array, signal: AbortSignal, version = this.#version): Promise<Response> {
    const message = parseMessage(bytes, { protocolVersion: version })
    const headers = this.#headers
    headers.set('MCP-Protocol-Version', version)
    headers.set('Content-Type', 'application/json')
    if (this.#isModern && message.method !== undefined) {
      headers.set('Mcp-Method', message.method)
      if (message.name !== undefined && methodSubject(message.method)?.isMirrored === true) {
        headers.set('Mcp-Name', encodeHeaderValue(message.name))
      }
      for (const [name, value] of (await this.tools?.mirrored(message)) ?? [])
        headers.set(name, encodeHeaderValue(value))
      // It may have been cancelled meanwhile
      signal.throwIfAborted()
    }
    if (message.method === 'initialize') headers.delete('MCP-Protocol-Version')
    const request = new Request(this.#url, { method: 'POST', headers, signal, body: bytes as BodyInit })
    return this.#upstream(request, { ...this.context, message })
  }

  async #exchange(
    message: Uint8Array,
    { id, method, related, protocolVersion, answered, signal }: Exchange,
  ): Promise<void> {
    await this.#listening
    const response = await this.#post(message, AbortSignal.any([signal, this.#closing.signal]), protocolVersion)
    if (method === 'initialize') this.#session = response.headers.get('mcp-session-id') ?? undefined
    const take = (incoming: Incoming) => {
      if (incoming.kind === 'response') {
        if (incoming.id !== String(id) && incoming.id !== 'null') return
        if (method === 'initialize') this.#agree(incoming.answer)
        answered(incoming.answer)
      } else this.#receive(incoming, related)
    }
    const type = response.headers.get('content-type')
    const isStream = type?.toLowerCase().startsWith('text/event-stream') === true
    let isEmpty = response.body === null
    if (isStream && response.body !== null) {
      await this.#read(response.body, take)
    } else {
      const bytes = response.body === null ? new Uint8Array() : await readStream(response.body, maxAnswer)
      const incoming = bytes === 'too-large' ? undefined : readIncoming(bytes)
      if (method !== 'initialize' && (await this.#hasLostSession(response.status, incoming, id))) {
        // MCP L7: whoever uses the link begins anew
        this.#lose(response.status)
        answered(sessionLost)
        return
      }
      if (incoming !== undefined) take(incoming)
      isEmpty = bytes.length === 0
    }
    const { status } = response
    const code = this.#session === undefined && isRefusal(status) ? errorCodes.invalidRequest : gatewayCode(502)
    const what = isEmpty
      ? 'without a body'
      : `with ${displayText(type ?? 'no content type', 100)} and without a message`
    answered(failed(`The server answered ${status} ${what}`, code))
  }

  #agree(answer: EraAnswer): void {
    const version =
      'result' in answer
        ? parseSpan(answer.result, membersOf(answer.result, ['protocolVersion']).protocolVersion)
        : undefined
    if (typeof version === 'string') this.#version = version
  }

  async #read(body: ReadableStream<Uint8Array>, take: (incoming: Incoming) => void): Promise<void> {
    for await (const { data } of readEvents(body.getReader(), maxAnswer)) {
      const incoming = data === undefined ? undefined : readIncoming(data)
      if (incoming !== undefined) take(incoming)
    }
  }

  #receive(incoming: Exclude<Incoming, { kind: 'response' }>, related?: (notification: EraNotification) => void): void {
    const { method, params } = incoming
    const message = { method, ...(params === undefined ? {} : { params }) }
    if (incoming.kind === 'request') this.#asked(message, incoming.id)
    else if (method === 'notifications/cancelled') this.#withdrawn(params)
    else if (related !== undefined && (this.#isModern || ofRequests.has(method))) related(message)
    else this.listener.notified(message)
  }

  #asked(request: EraRequest, id: string): void {
    let isOver = false
    const withdraw = this.listener.asked(request, (answer) => {
      if (isOver) return
      isOver = true
      this.#withdrawals.delete(id)
      this.#post(rawResponse(id, answer), this.#closing.signal)
        .then((response) => response.body?.cancel())
        .catch(() => undefined)
    })
    if (!isOver) this.#withdrawals.set(id, withdraw)
  }

  #withdrawn(params: Uint8Array | undefined): void {
    const span = params && membersOf(params, ['requestId']).requestId
    if (params === undefined || span === undefined) return
    const id = new TextDecoder().decode(at(params, span))
    const withdraw = this.#withdrawals.get(id)
    this.#withdrawals.delete(id)
    withdraw?.()
  }

  /** Whether an answer says that a legacy server does not know the session any more, so that it did nothing. */
  async #hasLostSession(status: number, incoming: Incoming | undefined, id: number): Promise<boolean> {
    if (this.#isModern) return false
    const error =
      incoming?.kind === 'response' && 'error' in incoming.answer ? { id: incoming.id, ...incoming.answer } : undefined
    const isAboutIt = error?.id === String(id) && error.code === errorCodes.methodNotFound
    // MCP L7
    if (status === 404 && !isAboutIt) return true
    // Others say so as they say that a request is wrong. Whoever has the session answers a ping
    const mayBe = isRefusal(status) || error?.code === errorCodes.sessionNotFound
    return mayBe && !(await this.#answersPing())
  }

  /** Those who want to know at one time share the question. */
  #answersPing(): Promise<boolean> {
    this.#checking ??= this.#ping().finally(() => {
      this.#checking = undefined
    })
    return this.#checking
  }

  async #ping(): Promise<boolean> {
    const bytes = rawRequest(++this.#lastId, 'ping')
    try {
      const limit = AbortSignal.timeout(pingTimeout * 1000)
      const { status, headers, body } = await this.#post(bytes, AbortSignal.any([this.#closing.signal, limit]))
      const isJson = headers.get('content-type')?.toLowerCase().startsWith('application/json') === true
      const read = isJson && body !== null ? await readStream(body, maxAnswer) : undefined
      if (read === undefined) await body?.cancel()
      if (isRefusal(status)) return false
      const incoming = read === undefined || read === 'too-large' ? undefined : readIncoming(read)
      const answer = incoming?.kind === 'response' ? incoming.answer : undefined
      return !(answer !== undefined && 'error' in answer && answer.code === errorCodes.sessionNotFound)
    } catch {
      return true
    }
  }

  async #checkSession(): Promise<void> {
    if (!this.isOver && !(await this.#answersPing())) this.#lose()
  }

  /** The server does not know the session any more. What is under way in it goes on: with replicas, another may. */
  #lose(status?: number): void {
    if (this.isOver) return
    this.#isLost = true
    this.#session = undefined
    this.context.logger?.warn({ status }, 'a server has lost a session; the next request opens a new one')
    this.listener.ended()
    this.#closeUnused()
  }

  #closeUnused(): void {
    if (this.#underWay === 0) this.close()
  }
}

/** What is answered where the server has refused a request because it does not know the session any more. */
export const sessionLost: EraFailure = failed('The server has lost the session', gatewayCode(502))

/** Whether a bare status says that the server does not know what was sent. Of the others that is not the reason. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 408, 413, 429].includes(status)
}

/** What a legacy server says about a request that is under way. */
const ofRequests: ReadonlySet<string> = new Set(['notifications/progress', 'notifications/message'])

/** What is known beside a client's message, for requests that are made on its behalf. */
export function withoutClient(context: Context): Context {
  return { ...context, message: undefined, transforms: undefined }
}
