/** Runs what concerns one name one after the other, and different names side by side. */
export type KeyQueue = <T>(name: string, work: () => Promise<T>) => Promise<T>

/** Makes a queue without a limit; a name costs memory only while something waits for it. */
export function createKeyQueue(): KeyQueue {
  const tails = new Map<string, Promise<unknown>>()
  return async (name, work) => {
    const running = (tails.get(name) ?? Promise.resolve()).then(work, work)
    tails.set(name, running)
    try {
      return await running
    } finally {
      if (tails.get(name) === running) tails.delete(name)
    }
  }
}
