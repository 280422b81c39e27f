import type { EventFrames } from './event-frames.js'

/** What watches over a stream that passes through. */
export interface StreamGuard {
  /** Seconds without a chunk after which the source counts as dead; `null` for never. */
  readonly idleTimeout: number | null
  /** Ends the source. */
  readonly abort: (reason: unknown) => void
  /** Called once, however the stream ends, with the bytes that have passed. */
  readonly onEnd: (bytes: number) => void
  /** A last chunk to say that the source failed, or ended without a byte. Without one, the stream ends as the source did. */
  readonly finalChunk?: (reason: 'idle' | 'broken' | 'empty') => Uint8Array | undefined
  /** What an event stream needs on its way. */
  readonly events?: EventFrames
  /** Seconds between the comments on an event stream that is silent. */
  readonly keepAlive?: number
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
  const { idleTimeout, abort, finalChunk, events, keepAlive } = guard
  const reader = source.getReader()
  let timer: ReturnType<typeof setTimeout> | undefined
  let beat: ReturnType<typeof setInterval> | undefined
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
        const start = first === undefined ? undefined : (events?.push(first) ?? first)
        if (start !== undefined && start.length > 0) controller.enqueue(start)
      },
      async pull(controller) {
        watch()
        // Whoever does not read what is there gets no more of them
        const say = () => {
          const comment = (controller.desiredSize ?? -1) < 0 ? undefined : events?.comment()
          if (comment !== undefined) controller.enqueue(comment)
        }
        beat = keepAlive === undefined ? undefined : setInterval(say, keepAlive * 1000)
        try {
          for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
            passed += value?.length ?? 0
            const sent = events === undefined ? value : events.push(value as Uint8Array)
            if (sent === undefined || (sent.length === 0 && events !== undefined)) continue
            controller.enqueue(sent)
            return
          }
          onEnd()
          const last = passed === 0 ? finalChunk?.('empty') : events?.end()
          if (last !== undefined && last.length > 0) controller.enqueue(last)
          controller.close()
        } catch (error) {
          onEnd()
          const last = finalChunk?.(idle ? 'idle' : 'broken')
          if (last === undefined) throw error
          controller.enqueue(last)
          controller.close()
        } finally {
          clearTimeout(timer)
          clearInterval(beat)
        }
      },
      cancel(reason) {
        clearTimeout(timer)
        clearInterval(beat)
        onEnd()
        abort(reason)
        return reader.cancel(reason).catch(() => {})
      },
    },
    { highWaterMark: 0 },
  )
}
