import type { Ghosts } from './abandoned-requests.js'
import type { Pending } from './peer.js'

/** A log message names no request: it can be told whose it is while the child is at work for one user alone. */
export function whoseLog(pending: Iterable<Pending>, ghosts: Pick<Ghosts, 'hasOther'>): Pending | undefined {
  const calls = [...pending].filter(({ method, peer }) => method !== 'subscriptions/listen' && !peer)
  const [first] = calls
  if (first === undefined || calls.some(({ principal }) => principal !== first.principal)) return undefined
  if (ghosts.hasOther(first.principal)) return undefined
  return calls.findLast(({ wantsLog }) => wantsLog)
}
