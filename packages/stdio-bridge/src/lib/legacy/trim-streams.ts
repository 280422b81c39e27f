import type { OutStream } from '../http/out-stream.js'

/** Streams of a session whose end may be asked for again. */
const maxStreams = 64

/** Forgets the oldest streams that are over, and the oldest GET streams, where a session has too many. */
export function trimStreams(streams: Map<number, OutStream>, standalone: Set<OutStream>): void {
  if (streams.size <= maxStreams) return
  for (const [id, old] of streams) {
    if (streams.size <= maxStreams) return
    if (!old.isEnded && !standalone.has(old)) continue
    streams.delete(id)
    standalone.delete(old)
    if (!old.isEnded) old.finish(undefined)
  }
}
