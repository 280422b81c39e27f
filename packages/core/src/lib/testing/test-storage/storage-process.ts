import type { Storage } from '../../contract/storage.js'

/** What is used of a child process with a channel: what `fork` of `node:child_process` returns has it. */
export interface StorageProcess {
  send(message: { verb: string; parameters: unknown[]; times: number }): unknown
  on(event: 'message' | 'exit', listener: (value: unknown) => void): unknown
  kill(): unknown
}

interface Reply {
  values?: unknown[]
  error?: string
}

/**
 * Lets `testStorage` in the process that forked this one use a storage here. Call it once, in the file that is forked.
 *
 * @example
 * serveStorage(redisStorage(new Redis('redis://127.0.0.1:6379', { maxRetriesPerRequest: 0 })))
 */
export function serveStorage(storage: Storage): void {
  process.on(
    'message',
    async ({ verb, parameters, times }: { verb: keyof Storage; parameters: unknown[]; times: number }) => {
      const run = storage[verb] as unknown as (...parameters: unknown[]) => Promise<unknown>
      try {
        const values = await Promise.all(Array.from({ length: times }, () => run(...parameters)))
        process.send?.({ values: values.map((value) => value ?? null) })
      } catch (error) {
        process.send?.({ error: String(error) })
      }
    },
  )
  process.on('disconnect', () => process.exit())
}

/** Runs one verb so many times at once in the other process. */
export type RemoteRace = (verb: string, parameters: unknown[], times: number) => Promise<unknown[]>

/** Talks to a process that calls {@link serveStorage}: one race at a time. */
export function connectStorageProcess(child: StorageProcess): RemoteRace {
  let settle: ((reply: Reply) => void) | undefined
  let ended: Reply | undefined
  child.on('message', (reply) => settle?.(reply as Reply))
  child.on('exit', (code) => {
    ended = { error: `the other process ended with code ${String(code)}` }
    settle?.(ended)
  })
  return async (verb, parameters, times) => {
    const reply = await new Promise<Reply>((resolve) => {
      settle = resolve
      if (ended) resolve(ended)
      else child.send({ verb, parameters, times })
    })
    if (reply.values === undefined) throw new Error(`In the other process: ${reply.error}`)
    return reply.values
  }
}
