import { mayRequireInput } from '@mcp-gateway/core/internal'
import type { OutStream } from '../http/out-stream.js'

/** A request of a client that waits for its answer. */
export interface Call {
  readonly stream: OutStream
  readonly method: string
}

/**
 * The one stream for a message that names no request (MCP L5): that of the only request under way, or else the GET
 * stream that was opened last, or else that of the newest request during which a server may ask something.
 */
export function chooseStream(calls: Iterable<Call>, standalone: Iterable<OutStream>): OutStream | undefined {
  const reachable = [...calls].filter(({ stream }) => stream.isAttached || stream.isStream)
  if (reachable.length === 1) return reachable[0]?.stream
  const listening = [...standalone].findLast((stream) => stream.isAttached)
  return listening ?? reachable.findLast(({ method }) => mayRequireInput(method))?.stream
}
