import type { AbandonedRequests } from './abandoned-requests.js'
import type { Pending } from './peer.js'

/** A log message names no request: it can be told whose it is while the child is at work for one user alone. */
export function attributeLog(
  pending: Iterable<Pending>,
  abandoned: Pick<AbandonedRequests, 'hasOther'>,
): Pending | undefined {
  const calls = [...pending].filter(({ method, peer }) => method !== 'subscriptions/listen' && !peer)
  const [first] = calls
  if (first === undefined || calls.some(({ principal }) => principal !== first.principal)) return undefined
  if (abandoned.hasOther(first.principal)) return undefined
  return calls.findLast(({ wantsLog }) => wantsLog)
}
