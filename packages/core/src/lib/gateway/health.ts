import type { Handler } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { originCheck } from '../http/origin-check.js'
import { respond } from '../http/respond.js'
import { allowedOriginsOf, type BaseUrl } from './base-url.js'
import type { Drainer } from './drainer.js'
import type { GatewayOptions } from './gateway-options.js'

const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }

/** The paths that orchestrators ask, with what answers there. They may name any host. */
export function probes(options: GatewayOptions, base: BaseUrl, inFlight: Drainer): readonly [string, Handler][] {
  const { storage, readiness = {} } = options
  const checks = storage === undefined ? readiness : { storage: () => storage.get('readiness'), ...readiness }
  // A check may start what it asks, which is not for a page to make it do
  const ofNoPage = originCheck({ allowedOrigins: allowedOriginsOf(options.allowedOrigins, base) })
  const isReady = ready(checks, () => inFlight.closing)
  return [
    [`${base.prefix}/health`, health()],
    [`${base.prefix}/ready`, compose([ofNoPage], isReady)],
  ]
}

/** Answers 200 as long as the process can answer at all. */
function health(): Handler {
  return (request) => onlyReads(request) ?? respond('{"status":"ok"}', { headers: headersFor(request) })
}

/**
 * Answers 200 when every check resolves, else 503 naming the checks that failed, not why. One round of checks serves
 * all who ask within a second, so that asking often costs nothing.
 *
 * @param checks what to ask, by name; each gets 5 seconds
 * @param isClosing whether to answer 503 because no more requests should come
 */
function ready(checks: Readonly<Record<string, () => Promise<unknown>>>, isClosing: () => boolean): Handler {
  let round: Promise<Record<string, 'ok' | 'failed'>> | undefined
  let ends = 0
  return async (request) => {
    const refused = onlyReads(request)
    if (refused !== undefined) return refused
    const headers = headersFor(request)
    if (isClosing()) return respond('{"status":"closing"}', { status: 503, headers })
    const now = performance.now()
    if (round === undefined || now > ends) {
      ends = now + 1000
      round = runChecks(checks)
    }
    const results = await round
    const good = Object.values(results).every((result) => result === 'ok')
    const body = JSON.stringify({ status: good ? 'ready' : 'unavailable', checks: results })
    return respond(body, { status: good ? 200 : 503, headers })
  }
}

async function runChecks(
  checks: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Record<string, 'ok' | 'failed'>> {
  const entries = Object.entries(checks).map(async ([name, check]) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise((_, reject) => {
      timer = setTimeout(reject, 5000)
    })
    try {
      await Promise.race([check(), late])
      return [name, 'ok'] as const
    } catch {
      return [name, 'failed'] as const
    } finally {
      clearTimeout(timer)
    }
  })
  return Object.fromEntries(await Promise.all(entries))
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
