import { type Span, scanObject } from '../json/json-scan.js'
import { at, parseSpan, rawJson } from '../json/raw-json.js'
import { withoutMembers } from '../json/without-members.js'
import type {
  EraAnswer,
  EraCaller,
  EraFilter,
  EraLink,
  EraNotification,
  EraRequest,
  EraServer,
  EraServerInfo,
  RawJson,
} from './era-server.js'
import { membersOf, modernParams, ownParams } from './modern-envelope.js'
import { readModernResult } from './modern-result.js'
import { isAskable, missingCapability } from './required-capability.js'

/** How a modern server is treated. */
export interface ModernServerOptions {
  /** How often in a row one request may ask its client for input; 10 unless told. */
  readonly maxRounds?: number
  /** How many things it may ask at once; 32 unless told. */
  readonly maxQuestions?: number
}

/** Seconds between two requests of which the first asked for nothing but another one. */
const pause = 0.25

interface Question {
  /** The key of `inputRequests`, with its quotes. */
  readonly key: RawJson
  readonly request: EraRequest
}

/**
 * Makes an {@link EraServer} of a server that speaks revision 2026-07-28: it writes who asks into each request, takes
 * what the era adds out of the results, and turns `input_required` into questions for the client, whose answers it
 * sends with the same request anew. It does not translate error codes: that is for the client's side.
 *
 * @see MCP 2026-07-28, multi round-trip requests and `subscriptions/listen`; rules M11, M18 to M21
 * @example
 * ```ts
 * const client = legacyClient(modernServer(link), { notified: (message) => send(message) })
 * ```
 */
export function modernServer(link: EraLink, options: ModernServerOptions = {}): EraServer {
  const { maxRounds = 10, maxQuestions = 32 } = options
  let info: Promise<EraServerInfo | Failed> | undefined
  let freshUntil = 0
  link.listener = { notified: () => undefined, asked: refuseToAsk, ended: () => undefined }

  const discover = async (): Promise<EraServerInfo | Failed> => {
    const answer = await send(link, { method: 'server/discover', params: ownParams() })
    if ('error' in answer) return answer
    const found = readDiscovered(answer.result)
    if (found === undefined) return failed('The server does not say what it is')
    freshUntil = performance.now() + found.ttl
    return found.info
  }

  /** Asks the client everything that a result wants to know, and answers with the further members of the retry. */
  const fulfil = async (
    { method }: EraRequest,
    caller: EraCaller,
    result: RawJson,
    spans: { readonly inputRequests?: Span; readonly requestState?: Span },
  ): Promise<Uint8Array | string> => {
    const { inputRequests, requestState } = spans
    const state = requestState === undefined ? [] : ['"requestState":', at(result, requestState), ',']
    if (inputRequests === undefined) {
      if (requestState === undefined) return 'it asked for nothing'
      await elapsed(pause, caller.signal)
      return rawJson(...state)
    }
    const questions = readQuestions(at(result, inputRequests))
    if (questions === undefined) return 'it asked for something that is no question of this protocol'
    if (questions.length > maxQuestions) return `it asked more than ${maxQuestions} things at once`
    for (const { request } of questions) {
      const missing = missingCapability(request, caller.capabilities)
      if (missing !== undefined) {
        return `it needs ${request.method}, and the client has not declared ${JSON.stringify(missing)}`
      }
    }
    const answers = await askAll(questions, caller)
    if (typeof answers === 'string') return answers
    return rawJson('"inputResponses":{', ...answers, '},', ...state)
  }

  return {
    discover: () => {
      if (info === undefined || performance.now() >= freshUntil) {
        // Those who ask at one time share the question; one that failed is asked again
        freshUntil = Number.POSITIVE_INFINITY
        info = discover().then((found) => {
          if ('error' in found) freshUntil = 0
          return found
        })
      }
      return info
    },
    call: async (request, caller) => {
      const { method, params } = request
      let more: Uint8Array | undefined
      for (let round = 0; ; round++) {
        const sent = { method, params: modernParams(params, caller, more) }
        const answer = await send(link, sent, caller)
        if ('error' in answer || caller.signal.aborted) return answer
        const read = readModernResult(answer.result, method)
        if (read.type !== 'input_required') return { result: read.result }
        if (round === maxRounds) return unfulfilled(method, `it still asked after ${maxRounds} rounds`)
        const fulfilled = await fulfil(request, caller, answer.result, read)
        if (caller.signal.aborted) return failed('The request was cancelled')
        if (typeof fulfilled === 'string') return unfulfilled(method, fulfilled)
        more = fulfilled
      }
    },
    notify: (notification) => link.notify(notification),
    subscribe: (filter, on, signal) => listen(link, filter, on, signal),
  }
}

interface Failed {
  readonly error: RawJson
  readonly code: number
}

function failed(message: string): Failed {
  return { error: rawJson(JSON.stringify({ code: -32603, message })), code: -32603 }
}

/** What a request comes to whose questions got no answers: a tool tells the model, everything else the program. */
function unfulfilled(method: string, why: string): EraAnswer {
  const text = `The server asked for input that it cannot get: ${why}`
  if (method !== 'tools/call') return failed(text)
  return { result: rawJson(JSON.stringify({ content: [{ type: 'text', text }], isError: true })) }
}

const refused = failed('A server of this revision asks in its results')

function refuseToAsk(_request: EraRequest, answer: (answer: EraAnswer) => void): () => void {
  answer(refused)
  return () => undefined
}

function send(link: EraLink, request: EraRequest, caller?: EraCaller): Promise<EraAnswer> {
  return new Promise((resolve) => {
    const { signal } = caller ?? {}
    if (signal?.aborted === true) {
      resolve(failed('The request was cancelled'))
      return
    }
    const leave = () => {
      cancel('The client cancelled the request')
      resolve(failed('The request was cancelled'))
    }
    const answered = (answer: EraAnswer) => {
      signal?.removeEventListener('abort', leave)
      resolve(answer)
    }
    const related = (notification: EraNotification) => caller?.notify(notification)
    const cancel = link.request(request, { related, answered })
    signal?.addEventListener('abort', leave, { once: true })
  })
}

function readDiscovered(result: RawJson): { readonly info: EraServerInfo; readonly ttl: number } | undefined {
  if (result[0] !== 0x7b) return undefined
  const found = membersOf(result, ['supportedVersions', 'capabilities', 'instructions', 'ttlMs', '_meta'])
  const { capabilities, instructions, _meta: meta } = found
  const versions = parseSpan(result, found.supportedVersions)
  if (!Array.isArray(versions) || capabilities === undefined || result[capabilities.start] !== 0x7b) return undefined
  const { 'io.modelcontextprotocol/serverInfo': serverInfo } =
    meta === undefined || result[meta.start] !== 0x7b
      ? {}
      : membersOf(at(result, meta), ['io.modelcontextprotocol/serverInfo'])
  const ttl = parseSpan(result, found.ttlMs)
  return {
    info: {
      versions,
      capabilities: at(result, capabilities),
      ...(serverInfo === undefined || meta === undefined ? {} : { serverInfo: at(at(result, meta), serverInfo) }),
      ...(instructions === undefined ? {} : { instructions: at(result, instructions) }),
    },
    ttl: typeof ttl === 'number' ? ttl : 0,
  }
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
    if (typeof method !== 'string' || !isAskable(method) || (params !== undefined && entry[params.start] !== 0x7b)) {
      isSound = false
      return
    }
    const request = { method, ...(params === undefined ? {} : { params: at(entry, params) }) }
    questions.push({ key: rawJson(JSON.stringify(key)), request })
  })
  return isSound && questions.length > 0 ? questions : undefined
}

/** Asks several things at once; the first that gets no answer takes the others back. */
async function askAll(questions: readonly Question[], caller: EraCaller): Promise<(string | Uint8Array)[] | string> {
  const others = new AbortController()
  const stop = () => others.abort()
  caller.signal.addEventListener('abort', stop, { once: true })
  let why: string | undefined
  const answers = await Promise.all(
    questions.map(async ({ key, request }) => {
      const answer = await caller.ask(request, others.signal)
      const isSound = 'result' in answer && answer.result[0] === 0x7b
      if (!isSound && why === undefined) {
        why = 'result' in answer ? 'the client answered with no object' : `the client answered ${messageOf(answer.error)}`
        others.abort()
      }
      return { key, answer }
    }),
  )
  caller.signal.removeEventListener('abort', stop)
  if (why !== undefined) return why
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

const subscriptionKey = 'io.modelcontextprotocol/subscriptionId'

function listen(
  link: EraLink,
  filter: EraFilter,
  on: (notification: EraNotification) => void,
  signal: AbortSignal,
): ReturnType<EraServer['subscribe']> {
  return new Promise((resolve) => {
    let close: () => void = () => undefined
    const closed = new Promise<void>((settle) => {
      close = settle
    })
    const cancel = link.request(
      { method: 'subscriptions/listen', params: ownParams(rawJson(`"notifications":${JSON.stringify(filter)},`)) },
      {
        related: ({ method, params }) => {
          if (signal.aborted) return
          // MCP M21: it comes first
          if (method !== 'notifications/subscriptions/acknowledged') {
            on({ method, ...(params === undefined ? {} : { params: untagged(params) }) })
            return
          }
          const granted = params === undefined ? undefined : parseSpan(params, membersOf(params, ['notifications']).notifications)
          resolve({ granted: (granted ?? {}) as EraFilter, closed })
        },
        answered: (answer) => {
          resolve('error' in answer ? answer : failed('The server ended the subscription at once'))
          close()
        },
      },
    )
    signal.addEventListener(
      'abort',
      () => {
        cancel('Nobody listens any more')
        resolve(failed('Nobody listens any more'))
        close()
      },
      { once: true },
    )
  })
}

/** `params` without the mark of the subscription, which is the link's. */
function untagged(params: RawJson): RawJson {
  const { _meta: meta } = membersOf(params, ['_meta'])
  if (meta === undefined || params[meta.start] !== 0x7b) return params
  const rest = withoutMembers(at(params, meta), (key) => key === subscriptionKey)
  const lean = withoutMembers(params, (key) => key === '_meta')
  if (rest.length === 2) return lean
  return lean.length === 2 ? rawJson('{"_meta":', rest, '}') : rawJson('{"_meta":', rest, ',', lean.subarray(1))
}
