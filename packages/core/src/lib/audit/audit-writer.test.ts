import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import type { AuditEvent } from './audit-event.js'
import { type AuditOptions, createAudit } from './create-audit.js'
import { memoryAudit } from './memory-audit.js'

const folder = mkdtempSync(join(tmpdir(), 'audit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let folders = 0

function logs() {
  const lines: { level: string; text: string; fields: Record<string, unknown> }[] = []
  const at = (level: string) => (fields: Record<string, unknown>, text: string) =>
    void lines.push({ level, text, fields })
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
}

/** A sink that can be switched off. */
function flaky() {
  const store = memoryAudit({ maxEvents: 1_000_000 })
  const state = { isDown: false, batches: [] as number[] }
  const sink = {
    ...store,
    write: async (events: readonly AuditEvent[]) => {
      if (state.isDown) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
      state.batches.push(events.length)
      await store.write(events)
    },
  }
  return { sink, state, events: store.events }
}

const event = (target: string, outcome: 'ok' | 'denied' = 'ok') => ({ type: 'tool_call' as const, outcome, target })

function make(options: Partial<AuditOptions> = {}) {
  const flake = flaky()
  const { lines, logger } = logs()
  const audit = createAudit({ sink: flake.sink, logger, batchDelay: 0.01, ...options })
  return { ...flake, lines, audit }
}

const targets = (events: readonly AuditEvent[]) => events.map(({ target }) => target)

test('events are written in batches of a hundred, in their order', async () => {
  const { audit, events, state } = make()
  for (let index = 0; index < 250; index++) audit.add(event(`${index}`))
  expect(events).toEqual([])
  await audit.flush()
  expect(targets(events)).toEqual(Array.from({ length: 250 }, (_, index) => `${index}`))
  expect(state.batches).toEqual([100, 100, 50])
  expect(audit.stats()).toMatchObject([{ sink: 'memory', queued: 0, queuedBytes: 0, written: 250, lost: 0 }])
})

test('a sink that is down is tried again, and what waits is written in its order; the failure is one line', async () => {
  const { audit, events, state, lines } = make()
  state.isDown = true
  for (let index = 0; index < 120; index++) audit.add(event(`${index}`))
  await vi.waitFor(() => expect(lines).toHaveLength(1))
  await expect(audit.check()).resolves.toEqual({ degraded: expect.stringContaining('ECONNREFUSED') })
  await new Promise((resolve) => setTimeout(resolve, 300))
  state.isDown = false
  await audit.flush()
  expect(targets(events)).toEqual(Array.from({ length: 120 }, (_, index) => `${index}`))
  expect(lines.map(({ text }) => text)).toEqual([
    'audit events cannot be written; they wait',
    'audit events are written again',
  ])
  await expect(audit.check()).resolves.toBeUndefined()
})

test('a full queue drops the oldest calls that went well, no denials, and tells how many were lost', async () => {
  const { audit, events, state, lines } = make({ maxEvents: 10 })
  state.isDown = true
  audit.add(event('in flight'))
  await vi.waitFor(() => expect(lines).toHaveLength(1))
  for (let index = 0; index < 6; index++) audit.add(event(`ok ${index}`))
  for (let index = 0; index < 6; index++) audit.add(event(`denied ${index}`, 'denied'))
  expect(lines.map(({ text }) => text)).toContain('the audit queue is full')
  for (let index = 6; index < 9; index++) audit.add(event(`ok ${index}`))
  expect(lines.filter(({ text }) => text === 'the audit queue is full')).toHaveLength(1)
  await expect(audit.check()).rejects.toThrow('cannot be written')
  state.isDown = false
  await audit.flush()
  await audit.flush()
  const kept = targets(events)
  expect(kept).toEqual(expect.arrayContaining(['denied 0', 'denied 5', 'ok 8']))
  expect(kept.filter((target) => target?.startsWith('denied'))).toHaveLength(6)
  expect(kept).not.toContain('ok 0')
  expect(audit.stats()).toMatchObject([{ lost: 6 }])
  expect(events.at(-1)).toMatchObject({
    type: 'audit_gap',
    code: '6',
    reason: expect.stringMatching(/^6 events were lost/),
  })
})

test('a flood of denials is bounded too', async () => {
  const { audit, state } = make({ maxEvents: 100 })
  state.isDown = true
  for (let index = 0; index < 1000; index++) audit.add(event(`${index}`, 'denied'))
  expect(audit.stats()).toMatchObject([{ queued: 100, lost: 900 }])
  state.isDown = false
})

test('the bytes of a queue are bounded', () => {
  const { audit, state } = make({ maxBytes: 100_000 })
  state.isDown = true
  for (let index = 0; index < 1000; index++) audit.add(event('x'.repeat(200)))
  const [stats] = audit.stats()
  expect(stats?.queuedBytes).toBeLessThan(102_000)
  expect(stats?.lost).toBeGreaterThan(0)
  state.isDown = false
})

test('with spill, events wait on disk while the sink is down, and are written in their order when it is back', async () => {
  const spillDirectory = join(folder, `${folders++}`)
  const { audit, events, state } = make({ spillDirectory, maxEvents: 50 })
  state.isDown = true
  for (let index = 0; index < 500; index++) {
    audit.add(event(`${index}`))
    if (index % 40 === 39) await audit.flush()
  }
  await audit.flush()
  expect(events).toEqual([])
  expect(audit.stats()).toMatchObject([{ queued: 0, lost: 0, isFailing: true }])
  expect(audit.stats()[0]?.spilledBytes).toBeGreaterThan(10_000)
  state.isDown = false
  audit.add(event('500'))
  await vi.waitFor(() => expect(events).toHaveLength(501), { timeout: 20_000 })
  expect(targets(events)).toEqual(Array.from({ length: 501 }, (_, index) => `${index}`))
  expect(readdirSync(spillDirectory)).toEqual([])
  await audit.close()
})

test('what an earlier process left on disk is written by the next one, but for a line that was written half', async () => {
  const spillDirectory = join(folder, `${folders++}`)
  const first = make({ spillDirectory, closeTimeout: 0.05 })
  first.state.isDown = true
  for (let index = 0; index < 30; index++) first.audit.add(event(`${index}`))
  await first.audit.close()
  const [file = ''] = readdirSync(spillDirectory)
  const text = readFileSync(join(spillDirectory, file), 'utf8')
  writeFileSync(join(spillDirectory, file), text.slice(0, -20))
  const second = make({ spillDirectory })
  second.audit.add(event('new'))
  await vi.waitFor(() => expect(second.events).toHaveLength(30))
  expect(targets(second.events)).toEqual([...Array.from({ length: 29 }, (_, index) => `${index}`), 'new'])
  expect(readdirSync(spillDirectory)).toEqual([])
})

test('events that the sink refuses are found by halving, kept without their texts, and the others as they are', async () => {
  const store = memoryAudit()
  const { lines, logger } = logs()
  let writes = 0
  const sink = {
    ...store,
    write: async (events: readonly AuditEvent[]) => {
      writes++
      if (events.some(({ target, code }) => target === 'poison' || code === 'hopeless')) throw new Error('refused')
      await store.write(events)
    },
    isRefused: (error: unknown) => (error as Error).message === 'refused',
  }
  const audit = createAudit({ sink, logger })
  for (let index = 0; index < 98; index++) audit.add(event(index === 41 ? 'poison' : `${index}`))
  audit.add({ ...event('x'), code: 'hopeless' })
  audit.add(event('last'))
  await audit.flush()
  expect(store.events).toHaveLength(99)
  expect(store.events[41]).toMatchObject({ target: expect.stringContaining('not kept') })
  expect(store.events.at(-1)).toMatchObject({ target: 'last' })
  expect(writes).toBeLessThan(40)
  expect(audit.stats()).toMatchObject([{ written: 99, refused: 1, isFailing: false }])
  expect(lines.map(({ text }) => text)).toEqual([
    'an audit event was kept without its texts',
    'an audit event was refused by its sink',
  ])
})

test('close writes what waits, and what comes after it is lost and counted', async () => {
  const { audit, events } = make({ batchDelay: 60 })
  audit.add(event('one'))
  await audit.close()
  expect(targets(events)).toEqual(['one'])
  audit.add(event('late'))
  expect(audit.stats()).toMatchObject([{ lost: 1 }])
})

test('close ends in time although the sink hangs, and says how much was lost', async () => {
  const { lines, logger } = logs()
  const audit = createAudit({ sink: () => new Promise(() => {}), logger, closeTimeout: 0.05 })
  audit.add(event('one'))
  await audit.close()
  expect(lines).toMatchObject([{ level: 'error', fields: { lost: 1 } }])
})

test('a sink that hangs counts as failed after writeTimeout', async () => {
  const { lines, logger } = logs()
  const audit = createAudit({ sink: () => new Promise(() => {}), logger, writeTimeout: 0.02, batchDelay: 0 })
  audit.add(event('one'))
  await vi.waitFor(() => expect(lines[0]?.text).toBe('audit events cannot be written; they wait'))
  await audit.close().catch(() => {})
}, 20_000)

test('each of several sinks has its own queue: one that is down does not keep the other from its events', async () => {
  const [one, two] = [flaky(), flaky()]
  one.state.isDown = true
  const audit = createAudit({ sink: [one.sink, two.sink], logger: logs().logger, batchDelay: 0 })
  audit.add(event('a'))
  await vi.waitFor(() => expect(targets(two.events)).toEqual(['a']))
  expect(audit.stats()).toMatchObject([{ queued: 1, isFailing: true }, { queued: 0 }])
  one.state.isDown = false
  await audit.flush()
  expect(targets(one.events)).toEqual(['a'])
})

test.each<[string, object]>([
  ['sink', { sink: undefined }],
  ['sink', { sink: 'postgres://' }],
  ['sink', { sink: [] }],
  ['whenFull', { whenFull: 'wait' }],
  ['spillDirectory', { whenFull: 'spill' }],
  ['spillDirectory', { whenFull: 'block', spillDirectory: '/tmp' }],
  ['maxEvents', { maxEvents: 0 }],
  ['successes', { successes: ['tool_call'] }],
  ['personalData', { personalData: 'hide' }],
])('a wrong %s fails at construction: %j', (name, options) => {
  expect(() => createAudit({ sink: () => {}, ...options } as never)).toThrow(
    expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining(name) }),
  )
})
