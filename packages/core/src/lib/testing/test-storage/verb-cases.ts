import { checkStorage } from '../../storage/check-storage.js'
import { expectRejection, expectSame, expectTrue } from './expect.js'
import type { StorageCases } from './subject.js'

const forever = { ttl: null }

/** What each verb does when nobody interferes. */
export const verbCases: StorageCases = {
  'get: gives what set wrote last, to every handle, and nothing for an absent key': async ({
    storage,
    other,
    name,
  }) => {
    const key = name('key')
    expectSame(await storage.get(key), undefined, 'get of an absent key')
    await storage.set(key, 'first', forever)
    expectSame((await storage.get(key))?.value, 'first', 'get after set')
    await storage.set(key, 'second', forever)
    expectSame((await storage.get(key))?.value, 'second', 'get after a second set')
    expectSame((await other.get(key))?.value, 'second', 'get through another handle')
  },

  'check: resolves while the store can be read and written': async ({ storage, other }) => {
    expectSame(await checkStorage(storage), undefined, 'check')
    expectSame(await checkStorage(other), undefined, 'check through another handle')
  },

  'get: the version stays while nothing is written': async ({ storage, other, name }) => {
    const key = name('key')
    await storage.set(key, 'value', forever)
    const version = (await storage.get(key))?.version
    expectSame((await other.get(key))?.version, version, 'version through another handle')
  },

  'set, add, compareAndSet, increment: never use a version again, not even after a delete': async ({
    storage,
    name,
  }) => {
    const key = name('key')
    const seen = new Set<string | undefined>()
    const remember = async (what: string) => {
      const version = (await storage.get(key))?.version
      expectTrue(version !== undefined && !seen.has(version), `version after ${what} is missing or was used before`)
      seen.add(version)
      return version
    }
    for (let round = 0; round < 3; round++) {
      await storage.add(key, 'same', forever)
      const version = await remember('add')
      await storage.compareAndSet(key, version, 'same', forever)
      await remember('compareAndSet')
      await storage.set(key, 'same', forever)
      await remember('set')
      await (round % 2 ? storage.delete(key) : storage.take(key))
      await storage.increment(key, forever)
      await remember('the first increment')
      await storage.increment(key, forever)
      await remember('the second increment')
      await storage.delete(key)
    }
  },

  'add: stores only if the key is absent': async ({ storage, name }) => {
    const key = name('key')
    expectSame(await storage.add(key, 'first', forever), true, 'add of an absent key')
    expectSame(await storage.add(key, 'second', forever), false, 'add of a present key')
    expectSame((await storage.get(key))?.value, 'first', 'get after both')
    await storage.delete(key)
    expectSame(await storage.add(key, 'third', forever), true, 'add after delete')
    expectSame((await storage.get(key))?.value, 'third', 'get after add')
  },

  'take: gives the value once': async ({ storage, name }) => {
    const key = name('key')
    expectSame(await storage.take(key), undefined, 'take of an absent key')
    await storage.set(key, '', forever)
    expectSame(await storage.take(key), '', 'take of an empty value')
    expectSame(await storage.take(key), undefined, 'take again')
    expectSame(await storage.get(key), undefined, 'get after take')
  },

  'delete: says whether there was something': async ({ storage, name }) => {
    const key = name('key')
    expectSame(await storage.delete(key), false, 'delete of an absent key')
    await storage.set(key, 'value', forever)
    expectSame(await storage.delete(key), true, 'delete of a present key')
    expectSame(await storage.delete(key), false, 'delete again')
  },

  'compareAndSet: writes over the version that it was given and no other': async ({ storage, name }) => {
    const key = name('key')
    expectSame(await storage.compareAndSet(key, 'none', 'value', forever), false, 'a version of an absent key')
    await storage.set(key, 'first', forever)
    const first = (await storage.get(key))?.version
    expectSame(await storage.compareAndSet(key, `${first}x`, 'value', forever), false, 'another version')
    expectSame(await storage.compareAndSet(key, undefined, 'value', forever), false, 'no version of a present key')
    expectSame(await storage.compareAndSet(key, first, 'second', forever), true, 'the current version')
    expectSame(await storage.compareAndSet(key, first, 'third', forever), false, 'the version before')
    expectSame((await storage.get(key))?.value, 'second', 'get after all')
  },

  'compareAndSet: without a version creates': async ({ storage, name }) => {
    const key = name('key')
    expectSame(await storage.compareAndSet(key, undefined, 'first', forever), true, 'an absent key')
    expectSame(await storage.compareAndSet(key, undefined, 'second', forever), false, 'a present key')
    expectSame((await storage.get(key))?.value, 'first', 'get after both')
  },

  'compareAndSet: is not fooled by a key that was deleted and written again': async ({ storage, name }) => {
    const key = name('key')
    await storage.set(key, 'same', forever)
    const version = (await storage.get(key))?.version
    await storage.delete(key)
    await storage.set(key, 'same', forever)
    expectSame(await storage.compareAndSet(key, version, 'other', forever), false, 'the version of the record before')
    expectSame((await storage.get(key))?.value, 'same', 'get after it')
  },

  'increment: counts up from one, and get reads the digits': async ({ storage, other, name }) => {
    const key = name('key')
    for (const expected of [1, 2, 3]) {
      expectSame(await (expected === 2 ? other : storage).increment(key, forever), expected, 'increment')
    }
    expectSame((await storage.get(key))?.value, '3', 'get of the counter')
    expectSame(await storage.delete(key), true, 'delete of the counter')
    expectSame(await storage.increment(key, forever), 1, 'increment after delete')
  },

  'increment: rejects on what another verb wrote, and leaves it': async ({ storage, name }) => {
    const key = name('key')
    await storage.set(key, '41', forever)
    await expectRejection(storage.increment(key, forever), 'increment of a value')
    expectSame((await storage.get(key))?.value, '41', 'get after it')
    await storage.delete(key)
    await storage.increment(key, forever)
    await storage.set(key, 'value', forever)
    await expectRejection(storage.increment(key, forever), 'increment of a counter that was overwritten')
  },

  'every verb: rejects with a RangeError what is no key, no lifetime and no limit': async ({ storage, name }) => {
    const [long, key] = ['k'.repeat(1025), name('key')]
    const refused: [string, () => Promise<unknown>][] = [
      ['get', () => storage.get(long)],
      ['set', () => storage.set(long, '', forever)],
      ['add', () => storage.add(long, '', forever)],
      ['take', () => storage.take(long)],
      ['delete', () => storage.delete(long)],
      ['compareAndSet', () => storage.compareAndSet(long, undefined, '', forever)],
      ['increment', () => storage.increment(long, forever)],
      ['list', () => storage.list(long)],
      ['a list of set', () => storage.set(key, '', { ttl: null, lists: [long] })],
      ['an endless lifetime', () => storage.set(key, '', { ttl: Number.POSITIVE_INFINITY })],
      ['no number as lifetime', () => storage.add(key, '', { ttl: Number.NaN })],
      ['an endless lifetime of a counter', () => storage.increment(key, { ttl: Number.POSITIVE_INFINITY })],
      ['an empty page', () => storage.list(key, { limit: 0 })],
      ['half a key', () => storage.list(key, { limit: 1.5 })],
    ]
    for (const [what, verb] of refused) {
      const { name: error } = await expectRejection(verb(), what)
      expectSame(error, 'RangeError', what)
    }
    expectSame(await storage.get(key), undefined, 'get after all')
  },
}
