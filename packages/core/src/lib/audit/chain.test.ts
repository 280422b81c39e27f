import Database from 'libsql'
import { expect, test, vi } from 'vitest'
import { memoryStorage } from '../storage/memory-storage.js'
import type { AuditEvent } from './audit-event.js'
import { chainedAudit, verifyAudit } from './chain.js'
import { createAudit } from './create-audit.js'
import { memoryAudit } from './memory-audit.js'
import { sqliteAudit } from './sqlite-audit.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const key = 'a key of at least thirty-two characters'

/** A chain of ten events in memory, whose events can be tampered with. */
async function chain(options: { key?: string } = { key }) {
  const storage = memoryStorage()
  const store = memoryAudit()
  const audit = createAudit({ sink: chainedAudit(store, { storage, replica: 'one', ...options }), logger: quiet })
  for (let index = 0; index < 10; index++) {
    audit.add({ type: 'tool_call', outcome: 'ok', target: `${index}`, durationMs: 1.25, argumentKeys: ['ä'] })
    if (index === 4) await audit.flush()
  }
  await audit.flush()
  const events = store.events as AuditEvent[]
  return { storage, events, verify: () => verifyAudit(store, { storage, ...options }), store, audit }
}

test('a chain that nobody touched has no faults', async () => {
  const { verify, events } = await chain()
  expect(await verify()).toEqual([
    { chain: expect.stringMatching(/^\d{4}-\d\d-\d\d\/one\//), events: 10, faults: [], unconfirmed: 0 },
  ])
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(events[1]?.prev).toBe(events[0]?.hash)
})

test.each<[string, (events: AuditEvent[]) => void, object[]]>([
  [
    'changed',
    (events) => void events.splice(3, 1, { ...(events[3] as AuditEvent), target: 'other' }),
    [{ kind: 'changed', seq: 4 }],
  ],
  ['removed in the middle', (events) => void events.splice(3, 2), [{ kind: 'missing', seq: 4, count: 2 }]],
  ['removed at the end', (events) => void events.splice(8, 2), [{ kind: 'missing', seq: 9, count: 2 }]],
  [
    'removed, and the rest numbered anew',
    (events) => {
      events.splice(3, 1)
      for (const [index, event] of events.entries()) events[index] = { ...event, seq: index + 1 }
    },
    [
      { kind: 'unlinked', seq: 4 },
      { kind: 'changed', seq: 4 },
    ],
  ],
  [
    'swapped',
    (events) => {
      const [one, two] = [events[3] as AuditEvent, events[4] as AuditEvent]
      events[3] = { ...two, seq: 4 }
      events[4] = { ...one, seq: 5 }
    },
    [
      { kind: 'unlinked', seq: 4 },
      { kind: 'changed', seq: 4 },
    ],
  ],
  [
    'put in',
    (events) => void events.push({ ...(events[9] as AuditEvent), id: 'x', seq: 5, target: 'forged' }),
    [{ kind: 'unlinked', seq: 5 }],
  ],
])('finds an event that was %s', async (_how, tamper, faults) => {
  const { verify, events } = await chain()
  tamper(events)
  const [report] = await verify()
  expect(report?.faults).toEqual(expect.arrayContaining(faults.map((fault) => expect.objectContaining(fault))))
})

test('without the key no other chain can be made: hashes of another key are changes', async () => {
  const { store, storage } = await chain()
  const [report] = await verifyAudit(store, { storage, key: `${key}!` })
  expect(report?.faults.length).toBeGreaterThanOrEqual(10)
})

test('a batch that fails and comes again has the same place', async () => {
  const storage = memoryStorage()
  const store = memoryAudit()
  let fails = 3
  const sink = {
    ...store,
    write: async (events: readonly AuditEvent[]) => {
      // The second time the batch is kept, and the answer lost
      if (fails === 2) await store.write(events)
      if (fails-- > 0) throw new Error('down')
      await store.write(events)
    },
  }
  const audit = createAudit({ sink: chainedAudit(sink, { storage }), logger: quiet, batchDelay: 0 })
  for (let index = 0; index < 5; index++) audit.add({ type: 'tool_call', outcome: 'ok' })
  await audit.flush()
  audit.add({ type: 'tool_call', outcome: 'ok' })
  await audit.flush()
  expect(await verifyAudit(store, { storage })).toMatchObject([{ events: 6, faults: [], unconfirmed: 0 }])
})

test('events behind the last stored head are told apart: those of a process that was killed', async () => {
  const { verify, storage, events } = await chain()
  const [name = ''] = (await storage.list('audit:chains')).keys
  const head = JSON.stringify({ seq: 8, hash: events[7]?.hash })
  await storage.set(name, head, { ttl: null, lists: ['audit:chains'] })
  expect(await verify()).toMatchObject([{ events: 10, faults: [], unconfirmed: 2 }])
})

test('several replicas have a chain each, and a new day begins another', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const storage = memoryStorage()
  const store = sqliteAudit(new Database(':memory:'))
  const write = async (replica: string) => {
    const sink = chainedAudit(store, { storage, replica })
    const events = [1, 2].map(
      (seq): AuditEvent => ({
        id: `${replica}-${seq}-${Date.now()}`,
        ts: Date.now(),
        type: 'tool_call',
        outcome: 'ok',
        durationMs: 12.3,
        truncated: true,
        policy: [],
        replica,
        v: 1,
      }),
    )
    await sink.write(events)
    return sink
  }
  await Promise.all([write('one'), write('two')])
  vi.setSystemTime(Date.now() + 86_400_000)
  await write('one')
  vi.useRealTimers()
  const reports = await verifyAudit(store, { storage })
  expect(reports).toHaveLength(3)
  expect(reports.every(({ events, faults }) => events === 2 && faults.length === 0)).toBe(true)
  expect(await verifyAudit(store, { storage, from: Date.now() + 86_400_000 })).toHaveLength(1)
})

test.each([
  () => chainedAudit({} as never, { storage: memoryStorage() }),
  () => chainedAudit(memoryAudit(), { storage: {} as never }),
  () => chainedAudit(memoryAudit(), { storage: memoryStorage(), key: 'short' }),
])('wrong options fail at construction', (make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
})
