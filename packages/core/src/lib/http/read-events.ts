import { GatewayError } from '../contract/gateway-error.js'
import type { ByteBudget } from './byte-budget.js'
import { ByteBuffer } from './byte-buffer.js'

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** One event of a `text/event-stream`, or one comment block. */
export interface SseEvent {
  /** The event as it came, up to and with its blank line. */
  readonly bytes: Uint8Array
  /** Its data lines joined, or `undefined` without any. */
  readonly data?: Uint8Array
  /** Its other lines (`id`, `event`, `retry`, comments), each with a line feed. */
  readonly rest: string
}

/**
 * Cuts a stream into its events as they complete. What stands behind the last blank line is dropped, as the HTML
 * standard asks for.
 *
 * @param maxBytes the most that one event may hold; a longer one ends the stream with `outbound_refused`
 * @param budget bytes that several streams share; each event stays taken from it
 */
export async function* readEvents(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes = 67_108_864,
  budget?: ByteBudget,
): AsyncGenerator<SseEvent, void, undefined> {
  const pending = new ByteBuffer({ limit: maxBytes, budget })
  const hold = (part: Uint8Array) => {
    if (pending.add(part)) return
    pending.clear()
    throw new GatewayError('outbound_refused', `An event is larger than ${maxBytes} bytes`)
  }
  let lineLength = 0
  let afterReturn = false
  let isFirst = true
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    if (value === undefined) continue
    let start = 0
    for (let index = 0; index < value.length; index++) {
      const byte = value[index]
      if (byte === lineFeed && afterReturn) {
        afterReturn = false
        // The line feed of a CRLF whose carriage return already ended an event belongs to neither
        if (pending.length === 0 && index === start) start++
        continue
      }
      afterReturn = byte === carriageReturn
      if (byte !== lineFeed && byte !== carriageReturn) {
        lineLength++
        continue
      }
      if (lineLength > 0) {
        lineLength = 0
        continue
      }
      if (afterReturn && value[index + 1] === lineFeed) {
        index++
        afterReturn = false
      }
      hold(value.subarray(start, index + 1))
      const bytes = pending.take()
      yield toEvent(isFirst ? withoutMark(bytes) : bytes)
      isFirst = false
      start = index + 1
    }
    hold(value.subarray(start))
  }
}

/** The HTML standard drops a byte order mark: for a client, the line behind it is one like any other. */
function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

const decoder = new TextDecoder()

function toEvent(bytes: Uint8Array): SseEvent {
  const data = new ByteBuffer()
  const rest = new ByteBuffer()
  let hasData = false
  let start = 0
  while (start < bytes.length) {
    const end = lineEnd(bytes, start)
    const from = dataStart(bytes, start, end)
    if (from !== undefined) {
      if (hasData) data.add(newline)
      if (from < end) data.add(bytes.subarray(from, end))
      hasData = true
    } else if (end > start) {
      rest.add(bytes.subarray(start, end))
      rest.add(newline)
    }
    start = end + (bytes[end] === carriageReturn && bytes[end + 1] === lineFeed ? 2 : 1)
  }
  return {
    bytes,
    ...(hasData ? { data: data.take() } : {}),
    rest: rest.length === 0 ? '' : decoder.decode(rest.view()),
  }
}

const newline = Uint8Array.of(lineFeed)

/** The index behind the last byte of the line that starts here. A line ends in CR, LF or both. */
function lineEnd(bytes: Uint8Array, start: number): number {
  let end = start
  while (end < bytes.length && bytes[end] !== lineFeed && bytes[end] !== carriageReturn) end++
  return end
}

const dataField = new TextEncoder().encode('data')

/** Where the value of a `data` line starts; `undefined` for every other line. */
function dataStart(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start < dataField.length) return undefined
  for (let index = 0; index < dataField.length; index++) if (bytes[start + index] !== dataField[index]) return undefined
  const colon = start + dataField.length
  if (colon === end) return end
  if (bytes[colon] !== 0x3a) return undefined
  return bytes[colon + 1] === 0x20 && colon + 1 < end ? colon + 2 : colon + 1
}
