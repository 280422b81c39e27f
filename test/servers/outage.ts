import type { Storage } from '@mcp-gateway/core'
import { expect } from 'vitest'

/** What an outage needs of a server. */
export interface Killable {
  kill(): Promise<void>
  restart(): Promise<void>
}

/** Every verb rejects with what becomes a 503, within so many seconds. */
export async function expectQuickRefusals(storage: Storage, seconds: number): Promise<void> {
  const verbs: Promise<unknown>[] = [
    storage.get('key'),
    storage.set('other', 'value', { ttl: null }),
    storage.add('other', 'value', { ttl: null }),
    storage.take('other'),
    storage.compareAndSet('other', 'version', 'value', { ttl: null }),
    storage.delete('other'),
    storage.list('list'),
    storage.increment('counter', { ttl: 60 }),
  ]
  const started = Date.now()
  for (const outcome of await Promise.allSettled(verbs)) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'temporarily_unavailable', status: 503 } })
  }
  expect((Date.now() - started) / 1000).toBeLessThan(seconds)
}

/**
 * Writes without a pause while the server is killed. Afterwards what was acknowledged is there, on its list too, and
 * what was taken is gone; the storage answers again although nothing on this side was started anew.
 */
export async function expectNothingLost(storage: Storage, server: Killable): Promise<void> {
  const run = crypto.randomUUID()
  const acknowledged: string[] = []
  const taken: string[] = []
  let down = false
  const write = async (writer: number) => {
    for (let index = 0; !down; index++) {
      const key = `${run} ${writer} ${index}`
      try {
        await storage.add(key, 'value', { ttl: 600, lists: [run] })
        if (index % 3 === 0) {
          await storage.take(key)
          taken.push(key)
        } else acknowledged.push(key)
      } catch (error) {
        expect(error).toMatchObject({ code: 'temporarily_unavailable' })
        return
      }
    }
  }
  const writers = Array.from({ length: 8 }, (_, writer) => write(writer))
  await expect.poll(() => acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(40)
  await server.kill()
  down = true
  await Promise.all(writers)
  await expectQuickRefusals(storage, 1.9)

  await server.restart()
  const answers = () =>
    storage.get(run).then(
      () => true,
      () => false,
    )
  await expect.poll(answers, { timeout: 10_000 }).toBe(true)
  for (const key of acknowledged) expect(await storage.get(key), key).toBeDefined()
  for (const key of taken) expect(await storage.get(key), key).toBeUndefined()
  const listed = (await storage.list(run, { limit: 100_000 })).keys
  expect(listed).toEqual(expect.arrayContaining(acknowledged))
  expect(listed.filter((key) => taken.includes(key))).toEqual([])
}
