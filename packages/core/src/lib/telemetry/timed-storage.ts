import type { Storage } from '../contract/storage.js'

const operations = ['get', 'set', 'add', 'take', 'compareAndSet', 'delete', 'list', 'increment'] as const

/** Tells how long each operation of a storage took; everything else of it is as it was. */
export function timedStorage<T extends Storage>(
  storage: T,
  tell: (operation: string, outcome: 'ok' | 'error', seconds: number) => void,
): T {
  const timed = Object.fromEntries(
    operations.map((name) => {
      const run = storage[name].bind(storage) as (...values: unknown[]) => Promise<unknown>
      const measured = async (...values: unknown[]) => {
        const start = performance.now()
        let outcome: 'ok' | 'error' = 'error'
        try {
          const result = await run(...values)
          outcome = 'ok'
          return result
        } finally {
          tell(name, outcome, (performance.now() - start) / 1000)
        }
      }
      return [name, measured]
    }),
  )
  return new Proxy(storage, {
    get(target, name) {
      const own = timed[name as string]
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
