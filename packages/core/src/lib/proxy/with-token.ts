import type { UpstreamToken } from '../upstream-token/upstream-token.js'
import { type Attempt, ask, type Outcome, release } from './ask.js'
import type { Upstream } from './upstreams.js'

/**
 * Sends requests with the upstream's token. One that the upstream refuses is dropped, and the request goes once more
 * with a new one: a 401 means that nothing was done. Answers that nobody gets are released, whatever else fails.
 */
export function withToken(token: UpstreamToken): (upstream: Upstream, attempt: Attempt) => Promise<Outcome> {
  return async (upstream, attempt) => {
    const { context, headers } = attempt
    const value = await token.get(context)
    headers.set('authorization', `Bearer ${value}`)
    const outcome = await ask(upstream, attempt)
    const isRefused = outcome.kind === 'answer' && outcome.response.status === 401
    // A body that was streamed is gone
    if (!isRefused || (context.message === undefined && attempt.request.body !== null)) return outcome
    let next: string
    try {
      await token.drop(context, value, false)
      next = await token.get(context)
    } catch (error) {
      release(outcome)
      throw error
    }
    if (next === value) return outcome
    release(outcome)
    headers.set('authorization', `Bearer ${next}`)
    const second = await ask(upstream, attempt)
    if (second.kind !== 'answer' || second.response.status !== 401) return second
    try {
      await token.drop(context, next, true)
    } catch (error) {
      release(second)
      throw error
    }
    return second
  }
}
