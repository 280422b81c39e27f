import { rawNotification, rawRequest } from '../../json/json-rpc.js'
import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { errorCodes } from '../../protocol/error-codes.js'
import { factsOf } from '../../protocol/revisions.js'
import { failed } from '../era-failure.js'
import type { EraAnswer, EraRequest, RawJson } from '../era-server.js'
import { membersOf } from '../members-of.js'

/** Where a question is put to a client. */
export interface QuestionTaker {
  asked(message: Uint8Array, question: number): void
  withdrawn(message: Uint8Array, question: number): void
}

interface Question {
  readonly taker: QuestionTaker
  readonly resolve: (answer: EraAnswer) => void
}

/** What a legacy client has been asked and has not answered, under numbers of our own. */
export class LegacyQuestions {
  readonly #open: Map<number, Question> = new Map()
  #last = 0
  #isClosed = false

  /** Asks on the stream of the call that it is about. Resolves always. */
  ask(
    request: EraRequest,
    taker: QuestionTaker,
    protocolVersion: string,
    signal: AbortSignal | undefined,
  ): Promise<EraAnswer> {
    if (this.#isClosed || signal?.aborted === true) return Promise.resolve(failed('The client is not there any more'))
    const number = ++this.#last
    return new Promise((resolve) => {
      const withdraw = () => this.#withdraw(number)
      this.#open.set(number, {
        taker,
        resolve: (answer) => {
          signal?.removeEventListener('abort', withdraw)
          resolve(answer)
        },
      })
      signal?.addEventListener('abort', withdraw, { once: true })
      const params = paramsFor(request, protocolVersion)
      taker.asked(rawRequest(number, request.method, params), number)
    })
  }

  /** The client's response. */
  reply(number: number, message: Uint8Array): void {
    const { result, error } = membersOf(message, ['result', 'error'])
    if (result !== undefined) {
      this.answer(number, { result: at(message, result).slice() })
    } else if (error !== undefined) {
      const own = at(message, error).slice()
      const code = parseSpan(own, membersOf(own, ['code']).code)
      this.answer(number, { error: own, code: typeof code === 'number' ? code : errorCodes.internalError })
    }
  }

  answer(number: number, answer: EraAnswer): void {
    const question = this.#open.get(number)
    this.#open.delete(number)
    question?.resolve(answer)
  }

  /** A call is over: nobody needs what is still asked about it. */
  over(taker: QuestionTaker): void {
    for (const [number, question] of this.#open) {
      if (question.taker === taker) this.#withdraw(number)
    }
  }

  #withdraw(number: number): void {
    const question = this.#open.get(number)
    if (question === undefined) return
    const params = `{"requestId":${number},"reason":"The server does not need the answer any more"}`
    question.taker.withdrawn(rawNotification('notifications/cancelled', params), number)
    this.answer(number, failed('The question was withdrawn'))
  }

  close(): void {
    this.#isClosed = true
    for (const number of [...this.#open.keys()]) this.answer(number, failed('The client left'))
  }
}

/** Elicitation by URL has an id in revision 2025-11-25, and none in the one after it. */
function paramsFor({ method, params }: EraRequest, protocolVersion: string): RawJson | undefined {
  if (method !== 'elicitation/create' || params === undefined) return params
  if (factsOf(protocolVersion).urlElicitation !== 'with-id') return params
  const { mode, elicitationId } = membersOf(params, ['mode', 'elicitationId'])
  if (elicitationId !== undefined || parseSpan(params, mode) !== 'url') return params
  return rawJson(`{"elicitationId":"${crypto.randomUUID()}",`, params.subarray(1))
}
