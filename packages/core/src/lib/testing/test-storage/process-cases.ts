import { expectSame } from './expect.js'
import { connectStorageProcess, type StorageProcess } from './storage-process.js'
import type { StorageCases } from './subject.js'

const forever = { ttl: null }

/** The same races, between this process and another one. */
export function processCases(fork: () => StorageProcess): StorageCases {
  return {
    'race: between two processes exactly one wins each verb, and each sees what the other wrote': async (subject) => {
      const { storage, name, callers } = subject
      const child = fork()
      try {
        const remote = connectStorageProcess(child)
        const half = Math.ceil(callers / 2)
        /** Starts the verb in both processes at once; `undefined` comes from over there as `null`. */
        const race = async (
          verb: 'add' | 'take' | 'delete' | 'compareAndSet' | 'increment',
          ...parameters: unknown[]
        ) => {
          const run = storage[verb] as unknown as (...parameters: unknown[]) => Promise<unknown>
          const over = remote(verb, parameters, half)
          const here = await Promise.all(Array.from({ length: half }, () => run(...parameters)))
          return [...here, ...(await over)]
        }
        const winners = (outcomes: unknown[]) => outcomes.filter((outcome) => outcome === true).length
        await storage.set(name('seen'), 'from here', { ttl: 60, lists: [name('list')] })
        const [seen] = (await remote('get', [name('seen')], 1)) as { value: string; version: string }[]
        expectSame(seen?.value, 'from here', 'get in the other process')
        await remote('set', [name('seen'), 'from there', { ttl: 60, lists: [name('list')] }], 1)
        expectSame((await storage.get(name('seen')))?.value, 'from there', 'get of what the other process wrote')
        expectSame(await remote('list', [name('list')], 1), [{ keys: [name('seen')] }], 'list in the other process')
        for (let round = 0; round < 5; round++) {
          const key = name(`key ${round}`)
          expectSame(winners(await race('add', key, 'value', forever)), 1, 'adds that won')
          const version = (await storage.get(key))?.version
          expectSame(winners(await race('compareAndSet', key, version, 'other', forever)), 1, 'compareAndSets that won')
          const taken = (await race('take', key)).filter((value) => typeof value === 'string')
          expectSame(taken, ['other'], 'what was taken')
          await storage.set(key, 'value', forever)
          expectSame(winners(await race('delete', key)), 1, 'deletes that found something')
          const counts = (await race('increment', key, { ttl: 60 })) as number[]
          expectSame(new Set(counts).size, 2 * half, 'different counts')
          expectSame(Math.max(...counts), 2 * half, 'the highest count')
        }
      } finally {
        child.kill()
      }
    },
  }
}
