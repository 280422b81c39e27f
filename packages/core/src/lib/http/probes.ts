import type { Check, Degraded } from '../contract/check.js'
import type { Handler } from '../contract/handler.js'
import type { Logger } from '../contract/logger.js'
import { inTime } from '../runtime/in-time.js'
import { foreignPage, isForeign } from './origin-check.js'
import { requestPath } from './request-path.js'
import { respond } from './respond.js'

/** A part that readiness depends on. */
export interface ReadinessPart {
  /** Resolves when it works; to {@link Degraded} when it does in part. */
  readonly check: () => unknown
  /**
   * What it means that it does not work: `true` that nobody should come, `false` that the answer tells it and is 200 still,
   * `one-of-them` that nobody should come when no part of this kind works.
   */
  readonly required: boolean | 'one-of-them'
}

/** What the two probes of orchestrators need to know. */
export interface ProbeOptions {
  /** By the names that the answer has. */
  readonly parts: ReadonlyMap<string, ReadinessPart>
  /** Hears why a check failed. */
  readonly logger: Logger
}

/** What orchestrators ask. */
export interface Probes {
  /** Answers 200 as long as the process can answer at all. */
  readonly health: Handler
  /**
   * Answers 200 with `ready` or `degraded`, or 503 with `unavailable`, and names the parts, never why. One round of checks
   * serves all who ask while it is under way and for a second from its start, so that asking often costs nothing.
   */
  readonly ready: Handler
  /**
   * Answers for a piece that is mounted alone, at `/health` and `/ready` below a prefix; `undefined` for every other path.
   * Pages of other sites are refused readiness: a check may start what it asks, which they must not make it do.
   */
  readonly serve: (request: Request, prefix?: string) => Response | Promise<Response> | undefined
  /** All checks as one, which rejects with the reason of the first that fails. */
  readonly check: Check
  /** From now on `ready` answers 503 with `closing`. */
  readonly willClose: () => void
}

type Result = 'ok' | 'degraded' | 'failed'

const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }
/** How long one round of checks serves all who ask, in ms. */
const roundLasts = 1000
/** How long a check may take, in ms. */
const checkTimeout = 5000

/** Makes the probes of a gateway, or of a piece that is used alone. */
export function createProbes({ parts, logger }: ProbeOptions): Probes {
  let isClosing = false
  let round: Promise<Map<string, Result>> | undefined
  let isUnderWay = false
  let ends = 0
  const ask = createRound(parts, logger)
  const health = (request: Request) =>
    onlyReads(request) ?? respond('{"status":"ok"}', { headers: headersFor(request) })
  const ready = async (request: Request) => {
    const refused = onlyReads(request)
    if (refused !== undefined) return refused
    if (isClosing) return respond('{"status":"closing"}', { status: 503, headers: headersFor(request) })
    const now = performance.now()
    if (round === undefined || (!isUnderWay && now > ends)) {
      ends = now + roundLasts
      isUnderWay = true
      round = ask().finally(() => {
        isUnderWay = false
      })
    }
    const results = await round
    const status = overall(results, parts)
    const body = JSON.stringify({ status, checks: Object.fromEntries(results) })
    return respond(body, { status: status === 'unavailable' ? 503 : 200, headers: headersFor(request) })
  }
  return {
    health,
    ready,
    async check() {
      const found = await Promise.all([...parts.values()].map((part) => part.check()))
      return found.find((one) => reasonOf(one) !== undefined)
    },
    serve(request, prefix = '') {
      const path = requestPath(request.url)
      if (path === `${prefix}/health`) return health(request)
      if (path !== `${prefix}/ready`) return undefined
      return request.headers.has('origin') || isForeign(request) ? foreignPage() : ready(request)
    },
    willClose() {
      isClosing = true
    },
  }
}

function overall(results: ReadonlyMap<string, Result>, parts: ProbeOptions['parts']): string {
  const all = [...results].map(([name, result]) => ({ result, required: parts.get(name)?.required }))
  const group = all.filter(({ required }) => required === 'one-of-them')
  const isAway =
    all.some(({ result, required }) => result === 'failed' && required === true) ||
    (group.length > 0 && group.every(({ result }) => result === 'failed'))
  if (isAway) return 'unavailable'
  return all.every(({ result }) => result === 'ok') ? 'ready' : 'degraded'
}

/** Asks all parts at once, and logs what has changed since the last time. */
function createRound(parts: ProbeOptions['parts'], logger: Logger): () => Promise<Map<string, Result>> {
  const before = new Map<string, Result>()
  const tell = (check: string, result: Result, fields: Record<string, unknown>) => {
    if ((before.get(check) ?? 'ok') === result) return
    before.set(check, result)
    if (result === 'failed') logger.error({ check, ...fields }, 'a readiness check failed')
    else if (result === 'degraded') logger.warn({ check, ...fields }, 'a readiness check found something wrong')
    else logger.info({ check }, 'a readiness check is good again')
  }
  return async () => {
    const entries = [...parts].map(async ([name, { check }]): Promise<[string, Result]> => {
      try {
        const reason = reasonOf(await inTime(check, checkTimeout, noAnswer))
        tell(name, reason === undefined ? 'ok' : 'degraded', { reason })
        return [name, reason === undefined ? 'ok' : 'degraded']
      } catch (error) {
        tell(name, 'failed', { err: error })
        return [name, 'failed']
      }
    })
    return new Map(await Promise.all(entries))
  }
}

/** A check that is written by hand may resolve to anything. */
function reasonOf(answer: unknown): string | undefined {
  const { degraded } = (typeof answer === 'object' && answer !== null ? answer : {}) as Partial<Degraded>
  return typeof degraded === 'string' ? degraded : undefined
}

function noAnswer(): never {
  throw new Error(`No answer within ${checkTimeout / 1000} s`)
}

const allow = { ...headers, Allow: 'GET, HEAD, OPTIONS' }

// RFC 9110 section 15.5.6
function onlyReads({ method }: Request): Response | undefined {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return undefined
  return respond('{"error":"method_not_allowed"}', { status: 405, headers: allow })
}

/** HAProxy asks with OPTIONS unless it is told otherwise, and goes by the status alone. */
function headersFor({ method }: Request): Record<string, string> {
  return method === 'OPTIONS' ? allow : headers
}
