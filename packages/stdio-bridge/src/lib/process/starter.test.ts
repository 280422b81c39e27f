import { isRefusal } from '@mcp-gateway/core/internal'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { initialize, post } from '../../../../../test/fixtures/bridge-client.js'
import { createStdioBridge } from '../../index.js'
import { cannotStart } from '../refusals/refusals.js'
import type { Child, Ending } from './child.js'
import type { ChildRegistry } from './child-registry.js'
import { Starter } from './starter.js'

class FakeChild {
  readonly pid = 1
  readonly gone: Promise<void>
  leave: () => void = () => undefined
  hasAnswered = false
  wasTooSlow = false
  isProbed = false
  onFirstAnswer: () => void = () => undefined
  onEnd: (ending: Ending) => void = () => undefined

  constructor() {
    this.gone = new Promise((resolve) => {
      this.leave = resolve
    })
  }
}

class FakeRegistry {
  readonly children: Set<FakeChild> = new Set()
  readonly counts = { failedStarts: 0 }
  isRefused = false

  spawn(): FakeChild {
    if (this.isRefused) throw cannotStart
    const child = new FakeChild()
    this.children.add(child)
    return child
  }

  end(child: FakeChild, expected: boolean): void {
    this.children.delete(child)
    child.onEnd({ expected })
    child.leave()
  }
}

const limits = {
  maxChildren: 2,
  maxChildrenPerPrincipal: 64,
  maxStartsPerMinute: 1000,
  startConcurrency: 1,
  prewarmed: 0,
  handshakeTimeout: 60,
}

function setUp(options: Partial<typeof limits> = {}) {
  const registry = new FakeRegistry()
  const starter = new Starter(registry as unknown as ChildRegistry, { ...limits, ...options })
  const start = async () => (await starter.start('alice')) as unknown as FakeChild
  /** The child, or why there is none. */
  const tryStart = () => starter.start('alice').catch((refusal: unknown) => refusal)
  return { registry, starter, start, tryStart }
}

test('those that waited for their turn do not make more processes than there may be', async () => {
  const { registry, tryStart } = setUp()
  const starts = Array.from({ length: 5 }, tryStart)
  const children: Child[] = []
  for (const start of starts) {
    const started = await start
    if (isRefusal(started)) continue
    const child = started as Child
    children.push(child)
    child.onFirstAnswer()
  }
  expect(children).toHaveLength(2)
  expect(registry.children.size).toBe(2)
})

test('a process that the system refuses is a refusal, and gives its turn back', async () => {
  const { registry, tryStart } = setUp({ handshakeTimeout: 0.05 })
  registry.isRefused = true
  for (let n = 0; n < 3; n++) expect(await tryStart()).toMatchObject({ status: 502 })
  registry.isRefused = false
  expect(isRefusal(await tryStart())).toBe(false)
})

test.skipIf(process.platform !== 'linux')(
  'the system refuses arguments that are too long, and the bridge lives',
  async () => {
    const errors: string[] = []
    const logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (_: object, text: string) => void (text !== 'request' && errors.push(text)),
    }
    const bridge = createStdioBridge({
      command: process.execPath,
      args: ['x'.repeat(200_000)],
      startConcurrency: 1,
      handshakeTimeout: 0.2,
      logger,
    })
    for (let n = 0; n < 2; n++) expect((await post(bridge, initialize())).status).toBe(502)
    expect(errors).toHaveLength(2)
    expect(bridge.stats()).toMatchObject({ spawned: 0, failedStarts: 2 })
    await bridge.close()
  },
)

describe('after failed starts', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  async function breakIt(options: Partial<typeof limits> = {}) {
    const all = setUp(options)
    for (let n = 0; n < 5; n++) all.registry.end(await all.start(), false)
    expect(all.starter.isBroken).toBe(true)
    vi.advanceTimersByTime(10_000)
    return all
  }

  test('a try that nobody waited for lets the next one in', async () => {
    const { registry, tryStart, start } = await breakIt()
    registry.end(await start(), true)
    expect(isRefusal(await tryStart())).toBe(false)
  })

  test('a try that died of the question for its era lets the next one in', async () => {
    const { registry, tryStart, start } = await breakIt()
    const probed = await start()
    probed.isProbed = true
    registry.end(probed, false)
    expect(isRefusal(await tryStart())).toBe(false)
  })

  test('a try for which there was no room lets the next one in', async () => {
    const { registry, tryStart } = await breakIt({ maxChildren: 1 })
    const other = registry.spawn()
    expect(await tryStart()).toMatchObject({ status: 503 })
    registry.end(other, true)
    expect(isRefusal(await tryStart())).toBe(false)
  })

  test('a prewarmed child that the system refuses takes nothing down', async () => {
    const { registry, start } = setUp({ prewarmed: 1 })
    await start()
    registry.isRefused = true
    await vi.advanceTimersByTimeAsync(200)
    expect(registry.counts.failedStarts).toBe(1)
  })
})
