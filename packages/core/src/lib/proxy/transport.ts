/** What is passed to `fetch`, with what Node alone understands. */
export type TransportInit = RequestInit & { duplex?: 'half'; dispatcher?: unknown }

interface Dispatcher {
  readonly constructor: new (options: Record<string, unknown>) => unknown
}

/**
 * Options for `fetch` that take away the limits which Node's has built in: it ends every answer that is silent for five
 * minutes, event streams too. Node keeps its connection pool under a registered symbol; where there is none, `fetch`
 * is used as it is.
 *
 * @param connectTimeout in seconds
 */
export function patientFetch(connectTimeout: number): (url: string, init: TransportInit) => Promise<Response> {
  let dispatcher: unknown
  return async (url, init) => {
    dispatcher ??= await makeDispatcher(connectTimeout)
    return fetch(url, dispatcher === null ? init : ({ ...init, dispatcher } as RequestInit))
  }
}

async function makeDispatcher(connectTimeout: number): Promise<unknown> {
  const symbol = Symbol.for('undici.globalDispatcher.1')
  const globals = globalThis as Record<symbol, Dispatcher | undefined>
  // Node loads its client when it is first used
  if (globals[symbol] === undefined && 'process' in globalThis) await fetch('data:,').catch(() => {})
  const current = globals[symbol]
  // A pool that the application has set itself (a proxy agent, a mock) stays in charge
  if (current?.constructor.name !== 'Agent') return null
  return new current.constructor({ connect: { timeout: connectTimeout * 1000 }, headersTimeout: 0, bodyTimeout: 0 })
}

const unreachable = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Whether a failed request cannot have reached the upstream, so that another may be tried with it. */
export function neverArrived(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return typeof cause === 'object' && cause !== null && 'code' in cause && unreachable.has(String(cause.code))
}
