import { sharesPromises } from '../runtime/shares-promises.js'
import type { OutboundFetch } from './bounded-fetch.js'
import { orAborted } from './or-aborted.js'

/**
 * Lets callers that GET the same address with the same headers at the same time share one request. The given fetch has
 * to resolve with complete answers, as `boundedFetch` does. A caller's signal ends its own waiting, not the request.
 */
export function singleFlight(inner: OutboundFetch): OutboundFetch {
  if (!sharesPromises()) return inner
  const pending = new Map<string, Promise<Response>>()
  return async (url, init = {}) => {
    const { method = 'GET', body, signal } = init
    if (method !== 'GET' || body != null) return inner(url, init)
    const key = JSON.stringify([String(url), [...new Headers(init.headers)]])
    let shared = pending.get(key)
    if (shared === undefined) {
      shared = inner(url, { ...init, signal: null }).finally(() => pending.delete(key))
      pending.set(key, shared)
    }
    return (await orAborted(shared, signal)).clone()
  }
}
