import { Refusal } from '../../contract/refusal.js'
import { type Span, scanObject } from '../../json/json-scan.js'
import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { errorCodes } from '../../protocol/error-codes.js'
import { isServerRequest } from '../../protocol/methods.js'
import type { EraCaller, EraRequest, RawJson } from '../era-server.js'
import { membersOf } from '../members-of.js'
import { missingCapability } from '../required-capability.js'

/** Seconds between two requests of which the first asked for nothing but another one. */
const pause = 0.25

interface Question {
  /** The key of `inputRequests`, with its quotes. */
  readonly key: RawJson
  readonly request: EraRequest
}

/**
 * Asks a client everything that an `input_required` result wants to know (MCP M20). What it did not declare is not
 * asked, nor is anything else of that result then.
 *
 * @returns the further members of the retry, each with a comma behind it
 * @throws {Refusal} where there can be no retry
 */
export async function gatherInput(
  result: RawJson,
  spans: { readonly inputRequests?: Span; readonly requestState?: Span },
  caller: EraCaller,
  maxQuestions: number,
): Promise<Uint8Array> {
  const { inputRequests, requestState } = spans
  const state = requestState === undefined ? [] : ['"requestState":', at(result, requestState).slice(), ',']
  if (inputRequests === undefined) {
    if (requestState === undefined) throw unfulfilled('it asked for nothing')
    await elapsed(pause, caller.signal)
    return rawJson(...state)
  }
  const questions = readQuestions(at(result, inputRequests))
  if (questions === undefined) throw unfulfilled('it asked for something that is no question of this protocol')
  if (questions.length > maxQuestions) throw unfulfilled(`it asked more than ${maxQuestions} things at once`)
  for (const { request } of questions) {
    const missing = missingCapability(request, caller.capabilities)
    if (missing !== undefined) {
      throw unfulfilled(`it needs ${request.method}, and the client has not declared ${JSON.stringify(missing)}`)
    }
  }
  return rawJson('"inputResponses":{', ...(await askAll(questions, caller)), '},', ...state)
}

/** The refusal of a call whose server asks for what it cannot get. */
export function unfulfilled(why: string): Refusal {
  return new Refusal(502, errorCodes.internalError, `The server asked for input that it cannot get: ${why}`)
}

/** The questions of `inputRequests`; `undefined` where they are not what the revision knows (MCP M20). */
function readQuestions(inputRequests: RawJson): Question[] | undefined {
  if (inputRequests[0] !== 0x7b) return undefined
  const questions: Question[] = []
  let isSound = true
  scanObject(inputRequests, 0, (key, value) => {
    const entry = at(inputRequests, value)
    const { method: name, params } = entry[0] === 0x7b ? membersOf(entry, ['method', 'params']) : {}
    const method = parseSpan(entry, name)
    if (
      typeof method !== 'string' ||
      !isServerRequest(method) ||
      (params !== undefined && entry[params.start] !== 0x7b)
    ) {
      isSound = false
      return
    }
    const request = { method, ...(params === undefined ? {} : { params: at(entry, params) }) }
    questions.push({ key: rawJson(JSON.stringify(key)), request })
  })
  return isSound && questions.length > 0 ? questions : undefined
}

/**
 * Asks several things at once; the first that gets no answer takes the others back.
 *
 * @throws {Refusal} where one gets no answer
 */
async function askAll(questions: readonly Question[], caller: EraCaller): Promise<(string | Uint8Array)[]> {
  const others = new AbortController()
  const stop = () => others.abort()
  caller.signal.addEventListener('abort', stop, { once: true })
  let why: string | undefined
  const answers = await Promise.all(
    questions.map(async ({ key, request }) => {
      const answer = await caller.ask(request, others.signal)
      const isSound = 'result' in answer && answer.result[0] === 0x7b
      if (!isSound && why === undefined) {
        why =
          'result' in answer ? 'the client answered with no object' : `the client answered ${messageOf(answer.error)}`
        others.abort()
      }
      return { key, answer }
    }),
  )
  caller.signal.removeEventListener('abort', stop)
  if (why !== undefined) throw unfulfilled(why)
  return answers.flatMap(({ key, answer }, index) => {
    const value = 'result' in answer ? answer.result : answer.error
    return [...(index === 0 ? [] : [',']), key, ':', value]
  })
}

function messageOf(error: RawJson): string {
  const { message } = (parseSpan(error, { start: 0, end: error.length }) ?? {}) as { message?: unknown }
  return JSON.stringify(typeof message === 'string' ? message : 'an error')
}

function elapsed(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, seconds * 1000)
    signal.addEventListener('abort', done, { once: true })
  })
}
