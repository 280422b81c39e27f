import type { Pending } from './peer.js'

/** A log message names no request: it can be told whose it is while only one user's requests are under way. */
export function whoseLog(pending: Iterable<Pending>): Pending | undefined {
  const calls = [...pending].filter(({ method, peer }) => method !== 'subscriptions/listen' && !peer)
  const [first] = calls
  if (first === undefined || calls.some(({ principal }) => principal !== first.principal)) return undefined
  return calls.findLast(({ wantsLog }) => wantsLog)
}
