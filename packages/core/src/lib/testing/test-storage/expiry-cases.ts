import { expectSame, expectTrue } from './expect.js'
import type { StorageCases, StorageSubject } from './subject.js'

const soon = { ttl: 0.05 }
const later = { ttl: 3600 }
const forever = { ttl: null }

/** Writes a record and lets it expire. */
async function expired({ storage, wait, name }: StorageSubject, text = 'key'): Promise<string> {
  const key = name(text)
  await storage.set(key, 'old', { ...soon, lists: [name('list')] })
  await wait(0.08)
  return key
}

/** What lifetimes do. */
export const expiryCases: StorageCases = {
  'expiry: get, take, delete and list find nothing': async (subject) => {
    const { storage, name } = subject
    const key = await expired(subject)
    expectSame(await storage.list(name('list')), { keys: [] }, 'list')
    expectSame(await storage.get(key), undefined, 'get')
    expectSame(await storage.take(key), undefined, 'take')
    expectSame(await storage.delete(key), false, 'delete')
    expectSame(await storage.take(await expired(subject, 'taken')), undefined, 'take without a read before')
    expectSame(await storage.delete(await expired(subject, 'deleted')), false, 'delete without a read before')
  },

  'expiry: add, compareAndSet and increment find the key absent': async (subject) => {
    const { storage, name } = subject
    const added = await expired(subject, 'added')
    expectSame(await storage.add(added, 'new', forever), true, 'add')
    expectSame((await storage.get(added))?.value, 'new', 'get after add')
    const created = await expired(subject, 'created')
    expectSame(await storage.compareAndSet(created, undefined, 'new', forever), true, 'compareAndSet')
    expectSame(await storage.increment(await expired(subject, 'counted'), forever), 1, 'increment')
    expectSame(await storage.list(name('list')), { keys: [] }, 'the list that they were on')
  },

  'expiry: a version dies with its record': async ({ storage, wait, name }) => {
    const key = name('key')
    let version: string | undefined
    // A busy machine may take longer than the lifetime between the two verbs.
    for (let attempt = 0; attempt < 20 && version === undefined; attempt++) {
      await storage.set(key, 'old', soon)
      version = (await storage.get(key))?.version
    }
    expectTrue(version !== undefined, 'the record was never alive')
    await wait(0.08)
    expectSame(await storage.compareAndSet(key, version, 'new', forever), false, 'compareAndSet after expiry')
    await storage.set(key, 'old', forever)
    expectSame(await storage.compareAndSet(key, version, 'new', forever), false, 'compareAndSet after another set')
  },

  'expiry: every write sets the lifetime anew, or ends it': async ({ storage, wait, name }) => {
    const [longer, endless, swapped, shorter] = ['longer', 'endless', 'swapped', 'shorter'].map(name) as [
      string,
      string,
      string,
      string,
    ]
    await storage.set(longer, 'value', soon)
    await storage.set(longer, 'value', later)
    await storage.set(endless, 'value', soon)
    await storage.set(endless, 'value', forever)
    await storage.set(swapped, 'value', later)
    await storage.compareAndSet(swapped, (await storage.get(swapped))?.version, 'value', soon)
    await storage.set(shorter, 'value', forever)
    await storage.set(shorter, 'value', soon)
    await wait(0.08)
    expectSame((await storage.get(longer))?.value, 'value', 'a longer lifetime')
    expectSame((await storage.get(endless))?.value, 'value', 'no lifetime after a short one')
    expectSame(await storage.get(swapped), undefined, 'a shorter lifetime by compareAndSet')
    expectSame(await storage.get(shorter), undefined, 'a short lifetime after none')
  },

  'expiry: increment sets the lifetime only when it creates': async ({ storage, wait, name }) => {
    let key = ''
    // A busy machine may take longer than the lifetime between the two verbs.
    for (let attempt = 0, second = 1; attempt < 20 && second !== 2; attempt++) {
      key = name(`counter ${attempt}`)
      await storage.increment(key, soon)
      second = await storage.increment(key, later)
    }
    await wait(0.08)
    expectSame(await storage.increment(key, forever), 1, 'increment after the first lifetime')
    await wait(0.08)
    expectSame(await storage.increment(key, soon), 2, 'increment of a counter without a lifetime')
    await wait(0.08)
    expectSame(await storage.increment(key, soon), 3, 'increment after a lifetime that was not to be set')
  },

  'expiry: a lifetime below a millisecond is one, and a long one is long': async ({ storage, wait, name }) => {
    const [dead, alive] = [name('dead'), name('alive')]
    for (const ttl of [0, -5, 0.000_001]) {
      await storage.set(dead, 'value', { ttl })
      await wait(0.01)
      expectSame(await storage.get(dead), undefined, `get after ${ttl} seconds`)
    }
    for (const ttl of [1e9, 1e15, Number.MAX_VALUE]) {
      await storage.set(alive, 'value', { ttl, lists: [name('list')] })
      expectSame((await storage.take(alive)) ?? null, 'value', `take of a record that lives for ${ttl} seconds`)
    }
  },
}
