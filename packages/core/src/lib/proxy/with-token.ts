import type { UpstreamToken } from '../upstream-token/upstream-token.js'
import { type Attempt, ask, type Outcome } from './ask.js'
import type { Upstream } from './upstreams.js'

/**
 * Sends requests with the upstream's token. One that the upstream refuses is dropped, and the request goes once more
 * with a new one: a 401 means that nothing was done.
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
    await token.drop(context, value)
    const next = await token.get(context)
    if (next === value) return outcome
    outcome.done()
    outcome.abort(undefined)
    headers.set('authorization', `Bearer ${next}`)
    return ask(upstream, attempt)
  }
}
