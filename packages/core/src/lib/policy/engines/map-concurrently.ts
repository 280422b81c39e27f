/**
 * Maps a list with some at a time, in order. The first failure ends it: what has begun is told by the signal, and nothing
 * more is begun.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  concurrency: number,
  map: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  const controller = new AbortController()
  let next = 0
  const work = async (): Promise<void> => {
    while (next < items.length && !controller.signal.aborted) {
      const index = next++
      results[index] = await map(items[index] as T, controller.signal)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, work))
  } catch (error) {
    controller.abort()
    throw error
  }
  return results
}
