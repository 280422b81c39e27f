import { blankReturns } from '../wire/splice.js'

/** The headers of an event stream. Proxies must neither buffer nor change it (MCP M16). */
export const sseHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}

const data = Buffer.from('event: message\ndata: ')
const end = Buffer.from('\n\n')

/** Keeps the stream alive where proxies cut what is silent. */
export const comment: Buffer = Buffer.from(': keep-alive\n\n')

/** One event, with the name that some clients wait for. The bytes are one line of JSON. */
export function eventFrame(bytes: Buffer, id?: string): Buffer {
  const frame = Buffer.concat(id === undefined ? [data, bytes, end] : [Buffer.from(`id: ${id}\n`), data, bytes, end])
  blankReturns(frame)
  return frame
}

/** An event without content, whose id lets a client that loses the connection come back for the rest (MCP L3). */
export function primingFrame(id: string | undefined, retry: number): Buffer {
  return Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}retry: ${retry}\ndata:\n\n`)
}

/** No event, only how long to wait before coming back, in ms. */
export function retryFrame(retry: number): Buffer {
  return Buffer.from(`retry: ${retry}\n\n`)
}
