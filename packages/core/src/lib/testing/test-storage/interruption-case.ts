import { expectSame, expectTrue } from './expect.js'
import type { StorageCases, StorageSubject } from './subject.js'

const forever = { ttl: null }

/** What holds when the connections break in the middle of many verbs. */
export function interruptionCases(interrupt: () => void | Promise<void>): StorageCases {
  return {
    'outage: a lost connection loses nothing acknowledged, doubles nothing, and the storage recovers': async (
      subject,
    ) => {
      const { storage, name } = subject
      const numbers = Array.from({ length: 60 }, (_, index) => index)
      await Promise.all(numbers.map((index) => storage.set(name(`code ${index}`), 'code', forever)))
      const verbs = numbers.flatMap((index) => [
        () => storage.add(name(`added ${index}`), 'value', { ttl: 600, lists: [name('list')] }),
        () => storage.increment(name('counter'), forever),
        () => storage.take(name(`code ${index}`)),
        () => storage.take(name(`code ${index}`)),
      ])
      const running: Promise<PromiseSettledResult<unknown>>[] = []
      let broken: Promise<void> | undefined
      for (const [index, verb] of verbs.entries()) {
        running.push(settle(verb()))
        if (index % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 1))
        if (index === verbs.length / 2) broken = Promise.resolve(interrupt())
      }
      const outcomes = await Promise.all(running)
      await broken
      for (const outcome of outcomes) if (outcome.status === 'rejected') expectUnavailable(outcome.reason)
      await recovered(subject)

      const of = (kind: number) => outcomes.filter((_, index) => index % 4 === kind)
      const listed = await storage.list(name('list'), { limit: 1000 })
      for (const [index, outcome] of of(0).entries()) {
        const there = (await storage.get(name(`added ${index}`))) !== undefined
        if (outcome.status === 'fulfilled') expectSame(there, true, `whether what was added as ${index} is there`)
        expectSame(listed.keys.includes(name(`added ${index}`)), there, `whether ${index} is on the list`)
      }
      const count = await storage.increment(name('counter'), forever)
      const counted = of(1).filter(({ status }) => status === 'fulfilled').length
      expectTrue(count > counted && count <= numbers.length + 1, `${counted} increments made the counter ${count}`)
      for (const index of numbers) {
        const winners = [of(2)[index], of(3)[index]].filter((take) => take?.status === 'fulfilled' && take.value)
        expectTrue(winners.length <= 1, `code ${index} was taken twice`)
      }
    },
  }
}

function expectUnavailable(reason: unknown): void {
  const { code, message } = reason as { code?: unknown; message?: unknown }
  expectSame(code, 'temporarily_unavailable', `the code of "${message}"`)
}

async function settle(promise: Promise<unknown>): Promise<PromiseSettledResult<unknown>> {
  const [outcome] = await Promise.allSettled([promise])
  return outcome as PromiseSettledResult<unknown>
}

async function recovered({ storage, name }: StorageSubject): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const reached = await storage.get(name('key')).then(
      () => true,
      () => false,
    )
    if (reached) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the storage does not answer again')
}
