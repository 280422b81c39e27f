import { GatewayError } from '../../contract/gateway-error.js'
import { invalidConfiguration } from '../../contract/invalid-configuration.js'
import type { Logger } from '../../contract/logger.js'
import {
  anyOf,
  callable,
  filledText,
  membersOf,
  type OptionType,
  type OptionTypes,
  optional,
  positive,
} from '../../contract/option-types.js'
import { loggerType } from '../../contract/shared-option-types.js'
import { createLogger } from '../../logging/create-logger.js'
import { boundedFetch, type OutboundFetch } from '../../outbound/bounded-fetch.js'
import { orAborted } from '../../outbound/or-aborted.js'
import { type TlsFiles, tlsFilesTypes, tlsOptionsFrom } from '../../outbound/tls-options.js'
import { tlsTransport } from '../../outbound/tls-transport.js'
import { withoutRedirects } from '../../outbound/without-redirects.js'
import { isNode } from '../../runtime/is-node.js'
import { randomToken } from '../../text/random-token.js'
import { type BreakerOptions, CircuitBreaker, type Outcome } from './circuit-breaker.js'

/** How a policy engine is reached over HTTP. */
export interface EngineOptions {
  /**
   * Where the engine is, such as `http://127.0.0.1:8181`; private addresses and plain http are allowed, since the operator
   * names it. Everything is asked below it.
   */
  readonly url: string
  /**
   * For how long an answer is waited for, in seconds; a token included.
   *
   * @default 1
   */
  readonly timeout?: number
  /**
   * The largest answer that is read, unpacked, in bytes.
   *
   * @default 65_536
   */
  readonly maxBytes?: number
  /** What is sent as a bearer token: a string, or a function that is called for each question and may be asynchronous. */
  readonly token?: string | (() => string | Promise<string>)
  /** Certificates and keys for an https URL. Works on Node alone; elsewhere, and instead, give `fetch`. */
  readonly tls?: TlsFiles
  /** When an engine that fails is not asked for a while. */
  readonly breaker?: BreakerOptions
  /** How requests are sent. Limits on time, size and redirects hold for it too. Default: the global `fetch`. */
  readonly fetch?: OutboundFetch
  /** Hears why there was no decision. Default: `createLogger()`. */
  readonly logger?: Logger
}

const tokenType: OptionType = /* @__PURE__ */ anyOf('a token, or a function that gives one', filledText, callable)

export const engineTypes: OptionTypes<EngineOptions> = {
  url: filledText,
  timeout: optional(positive),
  maxBytes: optional(positive),
  token: optional(tokenType),
  tls: optional(membersOf<TlsFiles>(tlsFilesTypes)),
  breaker: optional(membersOf<BreakerOptions>({ failures: optional(positive), pause: optional(positive) })),
  fetch: optional(callable),
  logger: optional(loggerType),
}

/** What an engine answered to a question, with a status of 2xx. */
export interface EngineAnswer {
  /** The body as JSON. */
  readonly body: unknown
  readonly headers: Headers
}

/** What is asked of an engine. */
export interface EngineQuestion {
  /** Below the engine's URL, beginning with a slash; a query may follow. */
  readonly path: string
  /** What is sent as JSON by POST; without it the question is a GET. */
  readonly body?: unknown
  /** Ends the waiting. */
  readonly signal?: AbortSignal
}

/** Asks one engine, and says in one way why there is no answer. */
export interface EngineClient {
  /**
   * @throws {GatewayError} `temporarily_unavailable` where no decision can be made of the answer, or none came; its message
   *   names the engine and what to change, and no secret
   */
  ask(question: EngineQuestion): Promise<EngineAnswer>
  /**
   * Whether the engine works, whatever the circuit breaker says, and whatever is in the body.
   *
   * @param accepts the statuses of an engine that works; those of 2xx by default
   */
  check(path: string, accepts?: (status: number) => boolean): Promise<void>
  /** Makes the error for an answer that cannot be a decision, and logs why. */
  unusable(path: string, why: string): GatewayError
  /** The engine's URL, without a slash at its end. */
  readonly url: string
}

/**
 * Makes the client of an engine. Construction connects to nothing. Redirects are refused, an answer is read up to its limit,
 * and nothing is asked twice, other than on a kept connection that the engine had closed.
 *
 * @param engine what the engine is called in errors and in the log: the function that has the options
 * @throws {GatewayError} `invalid_configuration`
 */
export function createEngineClient(engine: string, options: EngineOptions): EngineClient {
  const { timeout = 1, maxBytes = 65_536, token, breaker: limits = {}, logger = createLogger() } = options
  const base = checkUrl(engine, options.url)
  const send = boundedFetch(withoutRedirects(transportOf(engine, options)), { timeout, maxBytes })
  const breaker = new CircuitBreaker(limits, (isOpen) => {
    if (isOpen) logger.error({ engine, url: base }, 'a policy engine fails and is not asked for a while')
    else logger.info({ engine, url: base }, 'a policy engine answers again')
  })

  const exchange = async ({ path, body, signal }: EngineQuestion, requestId: string): Promise<Response> => {
    const deadline = AbortSignal.timeout(timeout * 1000)
    const until = signal === undefined ? deadline : AbortSignal.any([signal, deadline])
    const headers: Record<string, string> = { Accept: 'application/json', 'X-Request-ID': requestId }
    if (token !== undefined) headers.Authorization = `Bearer ${await bearer(token, until)}`
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const method = body === undefined ? 'GET' : 'POST'
    const init = { method, headers, signal: until, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    try {
      return await send(`${base}${path}`, init)
    } catch (error) {
      // The engine had closed a kept connection; a question changes nothing, so it may be asked once more
      if (!isClosed(error) || until.aborted) throw error
      return await send(`${base}${path}`, init)
    }
  }

  const failed = (path: string, why: string, { level = 'warn', ...fields }: FailureFields = {}): GatewayError => {
    logger[level]({ engine, url: `${base}${path}`, reason: why, ...fields }, 'a policy engine made no decision')
    return new GatewayError('temporarily_unavailable', `${engine}: ${base}${path} ${why}`, { cause: fields.err })
  }

  const answerOf = async (
    question: EngineQuestion,
    requestId: string,
    accepts = (status: number) => status >= 200 && status < 300,
  ): Promise<Answered> => {
    const shown = pathOf(question.path)
    try {
      const response = await exchange(question, requestId)
      if (accepts(response.status)) return { outcome: { isUp: true }, response }
      const error = failed(shown, refusalOf(response), { status: response.status, requestId })
      return { outcome: outcomeOf(response), error }
    } catch (error) {
      if (question.signal?.aborted === true) throw error
      const isRefused = error instanceof GatewayError && error.code === 'outbound_refused'
      return {
        outcome: { isUp: isRefused },
        error: failed(shown, failureOf(error, timeout), { requestId, err: error }),
      }
    }
  }

  return {
    url: base,
    async ask(question) {
      const shown = pathOf(question.path)
      if (!breaker.admits()) {
        const why = 'has failed several times and is not asked for a while; see the log for why'
        throw failed(shown, why, { level: 'debug' })
      }
      const requestId = randomToken(16)
      let outcome: Outcome | undefined
      try {
        const answered = await answerOf(question, requestId)
        outcome = answered.outcome
        if (answered.response === undefined) throw answered.error
        return {
          body: await readJson(answered.response, () => failed(shown, notJson, { requestId })),
          headers: answered.response.headers,
        }
      } finally {
        breaker.report(outcome)
      }
    },
    async check(path, accepts) {
      const { response, error } = await answerOf({ path }, randomToken(16), accepts)
      if (response === undefined) throw error
    },
    unusable: (path, why) => failed(pathOf(path), why),
  }
}

interface FailureFields {
  readonly level?: 'warn' | 'debug'
  readonly status?: number
  readonly requestId?: string
  readonly err?: unknown
}

type Answered =
  | { readonly outcome: Outcome; readonly response: Response; readonly error?: undefined }
  | { readonly outcome: Outcome; readonly response?: undefined; readonly error: GatewayError }

const notJson = 'answers 200 with what is not JSON; check that url is that of the engine itself'

async function readJson(response: Response, wrong: () => GatewayError): Promise<unknown> {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await response.arrayBuffer()))
  } catch {
    throw wrong()
  }
}

function transportOf(engine: string, { url, tls, fetch: given }: EngineOptions): OutboundFetch {
  if (tls === undefined) return given ?? ((target, init) => fetch(target, init))
  if (given !== undefined) throw invalidConfiguration(`${engine}: tls has no effect beside fetch; give one of them`)
  if (!/^https:/i.test(url)) throw invalidConfiguration(`${engine}: tls needs a url with https`)
  const transport = isNode() ? tlsTransport(tlsOptionsFrom(engine, tls)) : undefined
  if (transport === undefined) throw invalidConfiguration(`${engine}: tls works on Node alone; elsewhere give fetch`)
  return transport
}

function checkUrl(engine: string, url: string): string {
  if (!/^https?:\/\/[^\s\\/]\S*$/i.test(url) || !URL.canParse(url)) {
    throw invalidConfiguration(`${engine}: url must be an absolute http(s) URL, such as http://127.0.0.1:8181`)
  }
  const { username, password, search, hash } = new URL(url)
  if (username !== '' || password !== '') throw invalidConfiguration(`${engine}: url holds credentials; give token`)
  if (search !== '' || hash !== '' || /[?#]/.test(url)) {
    throw invalidConfiguration(`${engine}: url must have no query and no fragment`)
  }
  return url.replace(/\/+$/, '')
}

async function bearer(token: string | (() => string | Promise<string>), signal: AbortSignal): Promise<string> {
  const value = typeof token === 'string' ? token : await orAborted(Promise.resolve().then(token), signal)
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) throw new Error('token gave no token')
  return value
}

function pathOf(path: string): string {
  return path.split('?', 1)[0] as string
}

function failureOf(error: unknown, timeout: number): string {
  if (error instanceof GatewayError && error.code === 'outbound_refused') {
    return `gave an answer that is refused: ${error.message.replace(/^\S+ /, 'it ')}`
  }
  const cause = error instanceof GatewayError ? error.cause : error
  if (nameOf(cause) === 'TimeoutError') {
    return `gave no answer within ${timeout} s; check that it runs and is not overloaded, or raise timeout`
  }
  const code = codeOf(cause)
  if (cause instanceof Error && cause.message === 'token gave no token') {
    return 'was not asked, since token gave no token of visible ASCII characters'
  }
  return `cannot be reached, or broke off${code === '' ? '' : ` (${code})`}; check url and that it runs`
}

/** What the engine says about itself in its body is not repeated: it may hold what was asked. */
function refusalOf({ status }: Response): string {
  if (status === 401 || status === 403)
    return `answers ${status}; give a token, or a client certificate, that it accepts`
  if (status === 404) return 'answers 404; check url and the path'
  if (status === 400) return 'answers 400, since it cannot read the question; check what is mapped and how large it is'
  if (status === 413) return 'answers 413, since the question is too large for it; raise its limit'
  if (status === 429) return 'answers 429, since it is asked too often; raise its limit'
  return `answers ${status}; see its own log`
}

function outcomeOf({ status, headers }: Response): Outcome {
  if (status !== 429 && status !== 502 && status !== 503 && status !== 504) return { isUp: true }
  const seconds = headers.get('Retry-After') ?? ''
  return /^\d{1,6}$/.test(seconds) ? { isUp: false, pause: Number(seconds) } : { isUp: false }
}

const closed = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

function isClosed(error: unknown): boolean {
  return closed.has(codeOf(error instanceof GatewayError ? error.cause : error))
}

/** The code of an error, or of what is behind it. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  return 'cause' in error ? codeOf(error.cause) : ''
}

function nameOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'name' in error ? String(error.name) : ''
}
