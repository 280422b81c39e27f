import { Refusal } from '../../contract/refusal.js'
import { isObject } from '../../json/is-object.js'
import { type Span, scanObject } from '../../json/json-scan.js'
import { at, parseSpan } from '../../json/raw-json.js'
import { errorCodes } from '../../protocol/error-codes.js'
import type { RawJson } from '../era-server.js'

/** The answers that a retry brought, by the key of the question. */
export type InputResponses = ReadonlyMap<string, RawJson>

/**
 * Reads the answers to these questions; what was not asked is left out.
 *
 * @param methods what was asked, by key
 * @throws {Refusal} for answers that are not what was asked for
 */
export function readInputResponses(
  responses: RawJson | undefined,
  methods: ReadonlyMap<string, string>,
): InputResponses {
  const found = new Map<string, RawJson>()
  if (responses === undefined) return found
  if (responses[0] !== 0x7b) throw wrong('must be an object with an answer for each key of "inputRequests"')
  const spans = new Map<string, Span>()
  scanObject(responses, 0, (key, value) => {
    if (methods.has(key)) spans.set(key, value)
  })
  for (const [key, span] of spans) {
    const problem = problems[methods.get(key) ?? '']?.(parseSpan(responses, span))
    if (problem !== undefined) throw wrong(`has a wrong answer for ${JSON.stringify(key)}: ${problem}`)
    found.set(key, at(responses, span))
  }
  return found
}

function wrong(how: string): Refusal {
  return new Refusal(400, errorCodes.invalidParams, `"inputResponses" ${how}`)
}

const actions: readonly unknown[] = ['accept', 'decline', 'cancel']

/** What is wrong with an answer, by the method of its question. */
const problems: Record<string, (answer: unknown) => string | undefined> = {
  'elicitation/create': (answer) => {
    if (!isObject(answer) || !actions.includes(answer.action)) return '"action" must be accept, decline or cancel'
    const { content } = answer
    return content === undefined || isObject(content) ? undefined : '"content" must be an object'
  },
  'sampling/createMessage': (answer) => {
    if (!isObject(answer) || typeof answer.role !== 'string') return '"role" must be a string'
    if (typeof answer.model !== 'string') return '"model" must be a string'
    return typeof answer.content === 'object' && answer.content !== null ? undefined : '"content" is missing'
  },
  'roots/list': (answer) =>
    isObject(answer) && Array.isArray(answer.roots) ? undefined : '"roots" must be a list of roots',
}
