import type { Storage } from '../../contract/storage.js'
import { expectSame, expectTrue } from './expect.js'
import type { StorageCases } from './subject.js'

const forever = { ttl: null }

/** Reads all pages; a list that never ends fails. */
async function readList(storage: Storage, list: string, limit?: number, between?: () => unknown): Promise<string[]> {
  const keys: string[] = []
  let cursor: string | undefined
  for (let page = 0; page < 1000; page++) {
    const next = await storage.list(list, { cursor, limit })
    expectTrue(next.keys.length <= (limit ?? 100), `a page holds ${next.keys.length} keys, more than its limit`)
    keys.push(...next.keys)
    if (next.cursor === undefined) return keys
    cursor = next.cursor
    await between?.()
  }
  throw new Error('a list has no last page')
}

/** What named lists do. */
export const listCases: StorageCases = {
  'list: holds the keys that were written with its name, and nothing else': async ({ storage, other, name }) => {
    const [one, two] = [name('one'), name('two')]
    expectSame(await storage.list(one), { keys: [] }, 'a list that nobody wrote to')
    await storage.set(name('a'), '', { ttl: null, lists: [one] })
    await storage.add(name('b'), '', { ttl: 3600, lists: [one, two, one] })
    await storage.compareAndSet(name('c'), undefined, '', { ttl: null, lists: [two] })
    await storage.set(name('d'), '', forever)
    expectSame((await readList(other, one)).sort(), [name('a'), name('b')].sort(), 'the first list')
    expectSame((await readList(other, two)).sort(), [name('b'), name('c')].sort(), 'the second list')
    expectSame(await storage.list(name('d')), { keys: [] }, 'a list with the name of a key')
  },

  'list: a later write replaces the lists of a key': async ({ storage, name }) => {
    const [key, one, two] = [name('key'), name('one'), name('two')]
    await storage.set(key, '', { ttl: null, lists: [one, two] })
    await storage.set(key, '', { ttl: null, lists: [two] })
    expectSame([await readList(storage, one), await readList(storage, two)], [[], [key]], 'after set')
    await storage.compareAndSet(key, (await storage.get(key))?.version, '', { ttl: null, lists: [one] })
    expectSame([await readList(storage, one), await readList(storage, two)], [[key], []], 'after compareAndSet')
    await storage.set(key, '', forever)
    expectSame([await readList(storage, one), await readList(storage, two)], [[], []], 'after set without lists')
  },

  'list: a refused write changes no list': async ({ storage, name }) => {
    const [key, one, two] = [name('key'), name('one'), name('two')]
    await storage.set(key, '', { ttl: null, lists: [one] })
    await storage.add(key, '', { ttl: null, lists: [two] })
    await storage.compareAndSet(key, 'other', '', { ttl: null, lists: [two] })
    await storage.compareAndSet(key, undefined, '', { ttl: null, lists: [two] })
    expectSame([await readList(storage, one), await readList(storage, two)], [[key], []], 'the lists')
  },

  'list: take, delete and expiry take a key off': async ({ storage, wait, name }) => {
    const [list, taken, deleted, dead] = ['list', 'taken', 'deleted', 'dead'].map(name) as [
      string,
      string,
      string,
      string,
    ]
    for (const key of [taken, deleted]) await storage.set(key, '', { ttl: null, lists: [list] })
    await storage.set(dead, '', { ttl: 0.05, lists: [list] })
    await storage.take(taken)
    await storage.delete(deleted)
    await wait(0.08)
    expectSame(await readList(storage, list), [], 'the list')
    for (const key of [taken, deleted, dead]) await storage.add(key, '', forever)
    expectSame(await readList(storage, list), [], 'the list after the keys came back without it')
    await storage.set(dead, '', { ttl: null, lists: [list] })
    expectSame(await readList(storage, list), [dead], 'the list after one came back to it')
  },

  'list: outlives its short-lived members': async ({ storage, wait, name }) => {
    const list = name('list')
    await storage.set(name('long'), '', { ttl: 3600, lists: [list] })
    await storage.set(name('short'), '', { ttl: 0.05, lists: [list] })
    await wait(0.08)
    expectSame(await readList(storage, list), [name('long')], 'the list')
    await storage.set(name('endless'), '', { ttl: null, lists: [list] })
    await storage.set(name('short'), '', { ttl: 0.05, lists: [list] })
    await wait(0.08)
    expectSame((await readList(storage, list)).sort(), [name('endless'), name('long')].sort(), 'the list')
  },

  'list: pages of every size hold each key once': async ({ storage, name }) => {
    const list = name('list')
    const keys = Array.from({ length: 23 }, (_, index) => name(`${index % 2 ? 'a' : 'Z'}${index}`)).sort()
    await Promise.all(keys.map((key) => storage.set(key, '', { ttl: null, lists: [list] })))
    for (const limit of [1, 7, 22, 23, 24, undefined]) {
      expectSame((await readList(storage, list, limit)).sort(), keys, `pages of ${limit ?? 'the usual size'}`)
    }
  },

  'list: a key that stays is returned once while others come, go and are written again': async (subject) => {
    const { storage, other, name } = subject
    const list = name('list')
    const stay = Array.from({ length: 30 }, (_, index) => name(`stay ${(index * 7) % 30}`))
    const go = Array.from({ length: 30 }, (_, index) => name(`go ${(index * 11) % 30}`))
    const write = (key: string, ttl: number | null) => other.set(key, '', { ttl, lists: [list] })
    await Promise.all([...stay, ...go].map((key) => write(key, null)))
    let round = 0
    const seen = await readList(storage, list, 5, async () => {
      round++
      await Promise.all([
        ...stay.filter((_, index) => index % 3 === round % 3).map((key) => write(key, round % 2 ? 3600 : null)),
        ...go.filter((_, index) => index % 4 === round % 4).map((key) => other.delete(key)),
        write(name(`come ${round}`), null),
      ])
    })
    expectSame(seen.filter((key) => stay.includes(key)).sort(), [...stay].sort(), 'the keys that stayed')
  },
}
