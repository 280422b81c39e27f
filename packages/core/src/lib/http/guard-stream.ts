/** What watches over a stream that passes through. */
export interface StreamGuard {
  /** Seconds without a chunk after which the source counts as dead; `null` for never. */
  readonly idleTimeout: number | null
  /** Ends the source. */
  readonly abort: (reason: unknown) => void
  /** Called once, however the stream ends, with the bytes that have passed. */
  readonly onEnd: (bytes: number) => void
  /**
   * A last chunk to say that the source failed, or ended without a byte. Without one, the stream ends as the source did.
   *
   * @param bytes that have passed
   */
  readonly finalChunk?: (reason: 'idle' | 'broken' | 'empty', bytes: number) => Uint8Array | undefined
}

/**
 * Passes a stream on, chunk by chunk and no faster than it is read.
 *
 * @param first what was read of it already
 */
export function guardStream(
  source: ReadableStream<Uint8Array>,
  guard: StreamGuard,
  first?: Uint8Array,
): ReadableStream<Uint8Array> {
  const { idleTimeout, abort, finalChunk } = guard
  const reader = source.getReader()
  let timer: ReturnType<typeof setTimeout> | undefined
  let idle = false
  let passed = first?.length ?? 0
  let ended = false
  // The read that is under way when the reader goes away ends too
  const onEnd = () => {
    if (!ended) guard.onEnd(passed)
    ended = true
  }
  const watch = () => {
    if (idleTimeout === null) return
    timer = setTimeout(() => {
      idle = true
      abort(new DOMException('The upstream was silent for too long', 'TimeoutError'))
    }, idleTimeout * 1000)
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (first !== undefined) controller.enqueue(first)
      },
      async pull(controller) {
        watch()
        try {
          const { done, value } = await reader.read()
          if (!done) {
            passed += value.length
            controller.enqueue(value)
            return
          }
          onEnd()
          const last = passed === 0 ? finalChunk?.('empty', 0) : undefined
          if (last !== undefined) controller.enqueue(last)
          controller.close()
        } catch (error) {
          onEnd()
          const last = finalChunk?.(idle ? 'idle' : 'broken', passed)
          if (last === undefined) throw error
          controller.enqueue(last)
          controller.close()
        } finally {
          clearTimeout(timer)
        }
      },
      cancel(reason) {
        clearTimeout(timer)
        onEnd()
        abort(reason)
        return reader.cancel(reason).catch(() => {})
      },
    },
    { highWaterMark: 0 },
  )
}
