import { rawNotification, rawResponse } from '../../json/json-rpc.js'
import { member } from '../../json/json-scan.js'
import { withValue } from '../../json/with-value.js'
import { errorCodes } from '../../protocol/error-codes.js'
import { isServerRequest, mayRequireInput } from '../../protocol/methods.js'
import type { Owner } from '../../tokens/owner.js'
import { failed } from '../era-failure.js'
import type { EraAnswer, EraCaller, EraNotification, EraRequest, EraServer, RawJson } from '../era-server.js'
import { missingCapability } from '../required-capability.js'
import { completeResult } from './complete-result.js'
import type { InputResponses } from './input-responses.js'
import { inputRequiredMessage, type ModernReply } from './modern-reply.js'
import type { ModernRequest } from './modern-request.js'
import type { ParkedCall, ParkedCalls } from './parked-calls.js'
import { requestDigest, type SealedState } from './sealed-state.js'

/** What a call shares with all others. */
export interface ModernCallHost {
  readonly parked: ParkedCalls<ModernCall>
  readonly sealed: SealedState
  readonly serverInfo?: RawJson
  /** Hears once that the call is over, so that the server may be given to others. */
  over(): void
}

interface Question {
  readonly request: EraRequest
  resolve(answer: EraAnswer): void
}

/** How long questions of one moment are waited for, in ms, so that they make one round. */
const settle = 10
const maxQuestions = 64
const noObject = failed('The server answered with a result that is no object')

/**
 * One call of a modern client at a server that may ask back: it outlives the requests in which the client makes it.
 * Questions end a request with `input_required` (MCP M20); the call waits in the server until a retry brings answers.
 */
export class ModernCall implements EraCaller, ParkedCall {
  readonly owner: Owner
  readonly #host: ModernCallHost
  readonly #aborter = new AbortController()
  readonly #questions: Map<string, Question> = new Map()
  #request: ModernRequest
  #reply: ModernReply | undefined
  #answer: EraAnswer | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #digest: Promise<string> | undefined
  #id: string | undefined
  #asked = 0
  #isOver = false
  /** How often its questions were put to the client. */
  round = 0

  constructor(request: ModernRequest, owner: Owner, reply: ModernReply, host: ModernCallHost) {
    this.#request = request
    this.owner = owner
    this.#reply = reply
    this.#host = host
  }

  /** What a `requestState` calls it. */
  get id(): string {
    this.#id ??= crypto.randomUUID()
    return this.#id
  }

  get principal(): string {
    return this.owner.principal
  }

  get protocolVersion(): string {
    return this.#request.protocolVersion
  }

  get capabilities(): RawJson {
    return this.#request.capabilities
  }

  get clientInfo(): RawJson | undefined {
    return this.#request.clientInfo
  }

  get logLevel(): string | undefined {
    return this.#request.logLevel
  }

  get signal(): AbortSignal {
    return this.#aborter.signal
  }

  /** What is open, by key: the method of each question. */
  get questions(): ReadonlyMap<string, string> {
    return new Map([...this.#questions].map(([key, { request }]) => [key, request.method]))
  }

  /** Begins it. */
  run(server: EraServer): void {
    const { method, params } = this.#request
    const answered = (answer: EraAnswer) => this.#answered(answer)
    server.call({ method, params }, this).then(answered, () => answered(failed('The request could not be translated')))
  }

  /** The client of this request went away, which cancels a call that is not waiting for a retry (MCP M17). */
  left(reply: ModernReply): void {
    if (this.#reply === reply) this.#end('The client closed the connection')
  }

  /** The client has come back. */
  resume(request: ModernRequest, responses: InputResponses, reply: ModernReply): void {
    this.#request = request
    this.#reply = reply
    for (const [key, result] of responses) {
      const question = this.#questions.get(key)
      this.#questions.delete(key)
      question?.resolve({ result })
    }
    if (this.#answer !== undefined) this.#deliver(this.#answer)
    // What it has not answered it is asked again
    else if (this.#questions.size > 0) this.#poseSoon()
  }

  expired(): void {
    this.#end('The client did not come back with an answer')
  }

  notify({ method, params }: EraNotification): void {
    const reply = this.#reply
    if (reply === undefined) return
    if (this.round === 0 || method !== 'notifications/progress' || params === undefined) {
      reply.related(rawNotification(method, params))
      return
    }
    // The server knows the token of the first request only
    const { progressToken } = this.#request
    const span = member(params, { start: 0, end: params.length }, 'progressToken')
    if (progressToken === undefined || span === undefined) return
    reply.related(rawNotification(method, withValue(params, span, progressToken)))
  }

  ask(request: EraRequest, signal?: AbortSignal): Promise<EraAnswer> {
    if (this.#isOver || this.#answer !== undefined) return Promise.resolve(failed('The call is over'))
    if (!mayRequireInput(this.#request.method) || !isServerRequest(request.method))
      return Promise.resolve(failed('Clients are not asked this here', errorCodes.methodNotFound))
    if (this.#questions.size >= maxQuestions) return Promise.resolve(failed('Too many questions wait for the client'))
    const missing = missingCapability(request, this.capabilities)
    if (missing !== undefined) {
      this.#lacks(missing)
      return Promise.resolve(failed('The client has not declared that it can be asked this', errorCodes.methodNotFound))
    }
    const key = `${request.method.split('/')[0]}-${++this.#asked}`
    const { method, params } = request
    return new Promise((resolve) => {
      // It may wait for long, and its bytes may be part of a large chunk
      this.#questions.set(key, { request: { method, params: params?.slice() }, resolve })
      const withdraw = () => {
        this.#questions.delete(key)
        resolve(failed('The question was withdrawn'))
      }
      signal?.addEventListener('abort', withdraw, { once: true })
      this.#poseSoon()
    })
  }

  /** MCP M15. */
  #lacks(requiredCapabilities: object): void {
    const message = 'The server needs a capability that the request does not declare'
    this.#aborter.abort('The client cannot be asked this')
    // A parked one tells it to the retry
    this.#answered(failed(message, errorCodes.missingCapability, { requiredCapabilities }))
  }

  #answered(answer: EraAnswer): void {
    if (this.#isOver || this.#answer !== undefined) return
    this.#answer = answer
    this.#refuseQuestions('The call is over')
    // A parked one keeps it for the retry
    if (this.#reply !== undefined) this.#deliver(answer)
  }

  #deliver(answer: EraAnswer): void {
    const { id, method } = this.#request
    if ('error' in answer) {
      this.#reply?.answered(rawResponse(id, { error: answer.error }), answer.code)
    } else {
      const message = completeResult(id, method, answer.result, this.#host.serverInfo)
      if (message === undefined) this.#reply?.answered(rawResponse(id, { error: noObject.error }), noObject.code)
      else this.#reply?.answered(message)
    }
    this.#end()
  }

  #poseSoon(): void {
    if (this.#reply === undefined) return
    this.#timer ??= setTimeout(() => {
      void this.#pose()
    }, settle)
  }

  async #pose(): Promise<void> {
    const { parked, sealed } = this.#host
    const { method, params } = this.#request
    this.#digest ??= requestDigest(method, params)
    const binding = { ...this.owner, digest: await this.#digest }
    const state = await sealed.seal({ call: this.id, round: this.round + 1 }, binding, parked.timeout)
    this.#timer = undefined
    const reply = this.#reply
    // The server may have answered, or have taken its questions back, meanwhile
    if (reply === undefined || this.#isOver || this.#questions.size === 0) return
    const refused = parked.refuses(this.principal)
    if (refused !== undefined) {
      reply.refused(refused)
      this.#end('Too many calls wait for their clients')
      return
    }
    this.round++
    this.#reply = undefined
    parked.park(this.id, this)
    const questions = [...this.#questions].map(([key, { request }]) => [key, request] as const)
    reply.inputRequired(inputRequiredMessage(this.#request.id, questions, state, this.#host.serverInfo))
  }

  #end(reason?: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reply = undefined
    clearTimeout(this.#timer)
    this.#refuseQuestions(reason ?? 'The call is over')
    if (reason !== undefined) this.#aborter.abort(reason)
    this.#host.over()
  }

  #refuseQuestions(why: string): void {
    const questions = [...this.#questions.values()]
    this.#questions.clear()
    for (const { resolve } of questions) resolve(failed(why))
  }
}
