import { describe, expect, test } from 'vitest'
import type { Connect } from '../connection/connection.js'
import { cannotStart } from '../refusals/refusals.js'
import { ModernChildren } from './modern-children.js'

const settings = { isolation: 'pool', poolSize: 2, handshakeTimeout: 5, idleTimeout: 60 } as const
const alice = { principal: 'alice', audience: '', scopes: [] }

/** A pool whose children start at once, where none is refused. */
function setUp() {
  const state = { isRefused: false, starts: 0 }
  const connect: Connect = async () => {
    state.starts++
    if (state.isRefused) throw cannotStart
    const child = { hasAnswered: true, isProbed: false, onEnd: () => undefined, stop: async () => undefined }
    const connection = {
      child,
      isOver: false,
      request: (_: unknown, { waiter }: { waiter: { answer(bytes: Buffer): void } }) => {
        queueMicrotask(() => waiter.answer(Buffer.from('{"result":{"supportedVersions":["2026-07-28"]}}')))
        return {}
      },
    }
    return connection as unknown as Awaited<ReturnType<Connect>>
  }
  return { state, children: new ModernChildren(settings, connect) }
}

describe('a start that is refused', () => {
  test('is told to all who wait for it, and the next one is tried', async () => {
    const { state, children } = setUp()
    state.isRefused = true
    const both = await Promise.allSettled([children.acquire(alice), children.acquire(alice)])
    expect(both.map((one) => one.status === 'rejected' && one.reason)).toEqual([cannotStart, cannotStart])
    expect(state.starts).toBe(1)
    state.isRefused = false
    expect(await children.acquire(alice)).toMatchObject({ inFlight: 1 })
  })

  test('for a crowded child goes unnoticed: the child takes the request, and nothing is left unhandled', async () => {
    const { state, children } = setUp()
    const first = await children.acquire(alice)
    state.isRefused = true
    for (let n = 1; n < 20; n++) expect(await children.acquire(alice)).toBe(first)
    expect(first).toMatchObject({ inFlight: 20 })
    expect(state.starts).toBeGreaterThan(1)
  })

  test('while the pool closes is nobody to be told', async () => {
    const { state, children } = setUp()
    state.isRefused = true
    const waiting = children.acquire(alice).catch((refusal: unknown) => refusal)
    children.close()
    expect(await waiting).toBe(cannotStart)
  })
})
