import { isClosed } from './failures.js'
import { nodeTransport, type TransportTls } from './node-transport.js'
import type { Send } from './upstream-response.js'

interface Dispatcher {
  readonly constructor: new (options: Record<string, unknown>) => unknown
}

const platformFetch = globalThis.fetch

/**
 * Sends requests without the limits that Node's `fetch` has built in: it ends every answer that is silent for five
 * minutes, event streams too. Node's plain client is used where it can; a `fetch` that was replaced (by a mock, by Next)
 * and a connection pool of another kind that the application has set (a proxy agent) stay in charge. A plain `Agent` that
 * it has set looks like Node's own and does not: give the proxy a `fetch` for that.
 *
 * @param connectTimeout in seconds
 * @param tls where it is set, Node's plain client is used for every request
 */
export function createTransport(connectTimeout: number, tls?: TransportTls): Send {
  // Nothing else knows of it
  const own = tls && nodeTransport(connectTimeout, tls)
  if (own !== undefined) return own
  let plain: Send | undefined | null = null
  let dispatcher: unknown
  return async (url, init) => {
    if (plain === null) plain = nodeTransport(connectTimeout)
    const isWhole = init.body == null || init.body instanceof Uint8Array
    const isPlatform = globalThis.fetch === platformFetch && !hasOwnPool()
    if (plain !== undefined && isWhole && isPlatform) return plain(url, init)
    if (isPlatform) dispatcher ??= await makeDispatcher(connectTimeout)
    const { isRepeatable = false, ...sent } = isPlatform && dispatcher !== null ? { ...init, dispatcher } : init
    try {
      return await fetch(url, sent)
    } catch (error) {
      if (!isRepeatable || !isWhole || !isClosed(error) || init.signal?.aborted === true) throw error
      return fetch(url, sent)
    }
  }
}

/** Where Node keeps its connection pool. */
const pool = Symbol.for('undici.globalDispatcher.1')
const globals = globalThis as Record<symbol, Dispatcher | undefined>

function hasOwnPool(): boolean {
  const current = globals[pool]
  return current !== undefined && current.constructor.name !== 'Agent'
}

async function makeDispatcher(connectTimeout: number): Promise<unknown> {
  // Node loads its client when it is first used
  if (globals[pool] === undefined && 'process' in globalThis) await fetch('data:,').catch(() => {})
  const current = globals[pool]
  if (current === undefined) return null
  return new current.constructor({ connect: { timeout: connectTimeout * 1000 }, headersTimeout: 0, bodyTimeout: 0 })
}
