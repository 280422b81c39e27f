import type { Check } from '../contract/check.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Send } from './upstream-response.js'
import type { Upstream, Upstreams } from './upstreams.js'

/** How an upstream is asked whether it works. */
export interface UpstreamQuestion {
  readonly send: Send
  /** A path that answers 2xx when it is well; without one every answer of the server itself will do. */
  readonly path: string | undefined
  /** Seconds. */
  readonly timeout: number
}

/**
 * Makes the check of a proxy: good while all upstreams answer, degraded while some do, and failed when none does. What it
 * finds counts for the choice of the next request's upstream too.
 */
export function upstreamCheck(upstreams: Upstreams, question: UpstreamQuestion): Check {
  return async () => {
    const found = await Promise.all(
      upstreams.all.map(async (upstream) => ({ upstream, fault: await faultOf(upstream, question) })),
    )
    const away = found.filter(({ fault }) => fault !== undefined)
    for (const { upstream, fault } of found) {
      if (fault === undefined) upstreams.markUp(upstream)
      else upstreams.markDown(upstream)
    }
    if (away.length === 0) return undefined
    const why = away.map(({ upstream, fault }) => `${upstream.server} ${reason(fault)}`).join('; ')
    if (away.length < found.length) return { degraded: why }
    throw new GatewayError('temporarily_unavailable', why, { cause: away[0]?.fault })
  }
}

/** Why an upstream is not well; `undefined` where it is. */
async function faultOf(upstream: Upstream, question: UpstreamQuestion): Promise<unknown> {
  try {
    return await askTwice(upstream, question)
  } catch (error) {
    return error
  }
}

/** A kept connection that the other side has just closed says nothing about the server. */
async function askTwice(upstream: Upstream, question: UpstreamQuestion): Promise<Error | undefined> {
  try {
    return await askOnce(upstream, question)
  } catch {
    return askOnce(upstream, question)
  }
}

async function askOnce({ url }: Upstream, { send, path, timeout }: UpstreamQuestion): Promise<Error | undefined> {
  const { status, body } = await send(path === undefined ? url : new URL(path, url).href, {
    // Asks for nothing to be done (RFC 9110 section 9.3.7); a GET would open a stream
    method: path === undefined ? 'OPTIONS' : 'GET',
    signal: AbortSignal.timeout(timeout * 1000),
    redirect: 'manual',
  })
  await body?.cancel()
  const isGood = path === undefined ? !awayBehindProxy.has(status) : status >= 200 && status < 300
  return isGood ? undefined : new Error(`answered ${status}`)
}

/** What a proxy in front of a server says when the server is not there. */
const awayBehindProxy: ReadonlySet<number> = new Set([502, 503, 504])

function reason(fault: unknown): string {
  return fault instanceof Error && fault.message !== '' ? fault.message : 'does not answer'
}
