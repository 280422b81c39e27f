import type { Storage } from '../../contract/storage.js'
import { expectSame, expectTrue } from './expect.js'
import type { StorageCases, StorageSubject } from './subject.js'

const forever = { ttl: null }

/** Runs the verb for all callers at once, on both handles in turn. */
function race<T>({ storage, other, callers }: StorageSubject, verb: (storage: Storage, caller: number) => Promise<T>) {
  return Promise.all(Array.from({ length: callers }, (_, caller) => verb(caller % 2 ? other : storage, caller)))
}

/** Many callers at once: exactly one may win. */
export const raceCases: StorageCases = {
  'race: one of many adds wins, and its value stays': async (subject) => {
    const key = subject.name('key')
    const wins = await race(subject, (storage, caller) => storage.add(key, String(caller), forever))
    expectSame(wins.filter(Boolean).length, 1, 'winners')
    expectSame((await subject.storage.get(key))?.value, String(wins.indexOf(true)), 'the value')
  },

  'race: one of many takes gets the value': async (subject) => {
    const key = subject.name('key')
    await subject.storage.set(key, 'code', { ttl: 60, lists: [subject.name('list')] })
    const values = await race(subject, (storage) => storage.take(key))
    expectSame(
      values.filter((value) => value !== undefined),
      ['code'],
      'what the callers got',
    )
    expectSame(await subject.storage.list(subject.name('list')), { keys: [] }, 'the list that it was on')
  },

  'race: one of many deletes finds something': async (subject) => {
    const key = subject.name('key')
    await subject.storage.set(key, 'value', forever)
    expectSame((await race(subject, (storage) => storage.delete(key))).filter(Boolean).length, 1, 'winners')
  },

  'race: one of many compareAndSets of one version wins': async (subject) => {
    const key = subject.name('key')
    await subject.storage.set(key, 'start', forever)
    for (let round = 0; round < 3; round++) {
      const version = (await subject.storage.get(key))?.version
      const wins = await race(subject, (storage, caller) =>
        storage.compareAndSet(key, version, `${round}.${caller}`, forever),
      )
      expectSame(wins.filter(Boolean).length, 1, 'winners')
      expectSame((await subject.storage.get(key))?.value, `${round}.${wins.indexOf(true)}`, 'the value')
    }
  },

  'race: one of many compareAndSets of an absent key creates it': async (subject) => {
    const key = subject.name('key')
    const wins = await race(subject, (storage, caller) =>
      storage.compareAndSet(key, undefined, String(caller), forever),
    )
    expectSame(wins.filter(Boolean).length, 1, 'winners')
    expectSame((await subject.storage.get(key))?.value, String(wins.indexOf(true)), 'the value')
  },

  'race: an expired key is added, created and counted once': async (subject) => {
    const { storage, name, wait } = subject
    for (const key of ['added', 'created', 'counted']) await storage.set(name(key), 'old', { ttl: 0.01 })
    await wait(0.03)
    const added = await race(subject, (handle) => handle.add(name('added'), 'new', forever))
    const created = await race(subject, (handle) => handle.compareAndSet(name('created'), undefined, 'new', forever))
    const counted = await race(subject, (handle) => handle.increment(name('counted'), forever))
    expectSame([added.filter(Boolean).length, created.filter(Boolean).length], [1, 1], 'winners')
    expectSame(new Set(counted).size, subject.callers, 'different counts')
  },

  'race: increments give each caller a number of its own': async (subject) => {
    const key = subject.name('key')
    const counts = await race(subject, (storage) => storage.increment(key, { ttl: 60 }))
    const expected = counts.map((_, index) => index + 1)
    expectSame(
      counts.sort((a, b) => a - b),
      expected,
      'the counts',
    )
  },

  'race: a take and a compareAndSet never both have the old value': async (subject) => {
    const key = subject.name('key')
    await subject.storage.set(key, 'old', forever)
    const version = (await subject.storage.get(key))?.version
    const outcomes = await race(subject, async (storage, caller) =>
      caller % 4 < 2 ? storage.compareAndSet(key, version, 'new', forever) : storage.take(key),
    )
    const taken = outcomes.filter((outcome) => typeof outcome === 'string')
    const swaps = outcomes.filter((outcome) => outcome === true).length
    expectSame(taken.length, 1, 'takes that got a value')
    expectSame(swaps, taken[0] === 'new' ? 1 : 0, `compareAndSets that won although "${taken[0]}" was taken`)
  },

  'race: after many writes a key is on the lists of the last one alone': async (subject) => {
    const { storage, name } = subject
    const key = name('key')
    await race(subject, async (handle, caller) =>
      caller % 10 === 9
        ? handle.delete(key)
        : handle.set(key, String(caller % 3), { ttl: 60, lists: [name(`list ${caller % 3}`), name('all')] }),
    )
    const value = (await storage.get(key))?.value
    for (const list of ['0', '1', '2']) {
      expectSame((await storage.list(name(`list ${list}`))).keys, list === value ? [key] : [], `list ${list}`)
    }
    expectSame((await storage.list(name('all'))).keys, value === undefined ? [] : [key], 'the list of all')
  },

  'race: adds and takes in turn lose nothing and double nothing': async (subject) => {
    const key = subject.name('key')
    const outcomes = await race(subject, async (storage, caller) =>
      caller % 4 < 2 ? storage.add(key, `${caller}`, forever) : storage.take(key),
    )
    const added = outcomes.flatMap((outcome, caller) => (outcome === true ? [`${caller}`] : []))
    const taken = outcomes.filter((outcome) => typeof outcome === 'string')
    const left = (await subject.storage.get(key))?.value
    expectTrue(added.length >= 1, 'nobody added anything')
    expectSame(
      [...taken, left].filter((value) => value !== undefined).sort(),
      added.sort(),
      'what was taken or is left',
    )
  },
}
