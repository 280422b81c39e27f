import { ByteBuffer } from './byte-buffer.js'
import { guardStream, type StreamGuard } from './guard-stream.js'

/**
 * Reads a body that is probably short: as a whole if it ends within the limit, else as a stream that begins with what
 * was read. A source that fails or falls silent before that is told as such.
 *
 * @param limit in bytes
 */
export async function readStart(
  source: ReadableStream<Uint8Array>,
  guard: StreamGuard,
  limit: number,
): Promise<Uint8Array | ReadableStream<Uint8Array> | 'idle' | 'broken'> {
  const reader = source.getReader()
  const buffer = new ByteBuffer()
  let idle = false
  const silent = () => {
    idle = true
    guard.abort(new DOMException('The upstream was silent for too long', 'TimeoutError'))
  }
  const timer = guard.idleTimeout === null ? undefined : setTimeout(silent, guard.idleTimeout * 1000)
  try {
    for (let { done, value } = await reader.read(); ; { done, value } = await reader.read()) {
      if (done) {
        guard.onEnd(buffer.length)
        return buffer.take()
      }
      if (!buffer.add(value as Uint8Array) || buffer.length > limit) break
    }
  } catch {
    guard.onEnd(buffer.length)
    return idle ? 'idle' : 'broken'
  } finally {
    clearTimeout(timer)
  }
  reader.releaseLock()
  return guardStream(source, guard, buffer.take())
}
