import { expect, test } from 'vitest'
import type { UpstreamToken } from '../upstream-token/upstream-token.js'
import type { Attempt } from './ask.js'
import type { Upstream } from './upstreams.js'
import { withToken } from './with-token.js'

/** An upstream that refuses every token, and what became of its answers. */
function refusing() {
  const upstream: Upstream = {
    server: '',
    url: 'https://up.example/mcp',
    tag: 'a',
    load: 0,
    downUntil: 0,
    checkedAt: 0,
  }
  const signals: AbortSignal[] = []
  const attempt: Attempt = {
    request: new Request('https://mcp.example.com/mcp'),
    context: {},
    headers: new Headers(),
    send: async (_url, { signal }) => {
      signals.push(signal as AbortSignal)
      return new Response('endless', { status: 401 })
    },
    firstByteTimeout: 10,
    forwardQuery: false,
  }
  return { upstream, attempt, aborted: () => signals.map((signal) => signal.aborted) }
}

/** Tokens one after another; a place without one fails. */
function tokens(...values: (string | undefined)[]): UpstreamToken {
  let next = 0
  return {
    get: async () => {
      const value = values[next++]
      if (value === undefined) throw new Error('no token to be had')
      return value
    },
    drop: async (_context, _token, again) => {
      if (again && values.length > 2) throw new Error('taken back')
    },
  }
}

test.each([
  ['the issuer fails after a refusal', tokens('one', undefined), 'no token to be had', [true]],
  ['the new token is refused, and that ends the grant', tokens('one', 'two', undefined), 'taken back', [true, true]],
])('no answer is left open when %s', async (_what, token, message, aborted) => {
  const world = refusing()
  await expect(withToken(token)(world.upstream, world.attempt)).rejects.toThrow(message)
  expect(world.upstream.load).toBe(0)
  expect(world.aborted()).toEqual(aborted)
})

test('the last refusal is what the caller gets, and counts until it is done with', async () => {
  const world = refusing()
  const outcome = await withToken(tokens('one', 'two'))(world.upstream, world.attempt)
  expect(outcome).toMatchObject({ kind: 'answer', response: { status: 401 } })
  expect(world.aborted()).toEqual([true, false])
  expect(world.upstream.load).toBe(1)
  if (outcome.kind === 'answer') outcome.done()
  expect(world.upstream.load).toBe(0)
})
