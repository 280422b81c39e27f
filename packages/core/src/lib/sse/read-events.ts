import { concat } from '../body/read-body.js'
import { GatewayError } from '../gateway-error.js'

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
 */
export async function* readEvents(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes = 67_108_864,
): AsyncGenerator<SseEvent, void, undefined> {
  let pending: Uint8Array[] = []
  let size = 0
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
        if (size === 0 && index === start) start++
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
      pending.push(value.subarray(start, index + 1))
      size += index + 1 - start
      const bytes = concat(pending, size)
      yield toEvent(isFirst ? withoutMark(bytes) : bytes)
      isFirst = false
      pending = []
      size = 0
      start = index + 1
    }
    if (start < value.length) {
      pending.push(value.subarray(start))
      size += value.length - start
      if (size > maxBytes) throw new GatewayError('outbound_refused', `An event is larger than ${maxBytes} bytes`)
    }
  }
}

/** The HTML standard drops a byte order mark: for a client, the line behind it is one like any other. */
function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

const decoder = new TextDecoder()

function toEvent(bytes: Uint8Array): SseEvent {
  const data: Uint8Array[] = []
  let rest = ''
  for (const line of lines(bytes)) {
    const value = dataOf(line)
    if (value === undefined) {
      if (line.length > 0) rest += `${decoder.decode(line)}\n`
    } else {
      if (data.length > 0) data.push(Uint8Array.of(lineFeed))
      data.push(value)
    }
  }
  if (data.length === 0) return { bytes, rest }
  return {
    bytes,
    data: concat(
      data,
      data.reduce((sum, part) => sum + part.length, 0),
    ),
    rest,
  }
}

function* lines(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0
  while (start < bytes.length) {
    const feed = bytes.indexOf(lineFeed, start)
    const end = feed === -1 ? bytes.length : feed
    const turn = bytes.subarray(start, end).indexOf(carriageReturn)
    if (turn === -1) {
      yield bytes.subarray(start, end)
      start = end + 1
    } else {
      yield bytes.subarray(start, start + turn)
      start += turn + (start + turn + 1 === feed ? 2 : 1)
    }
  }
}

const dataField = new TextEncoder().encode('data')

/** The value of a `data` line; `undefined` for every other line. */
function dataOf(line: Uint8Array): Uint8Array | undefined {
  for (let index = 0; index < dataField.length; index++) if (line[index] !== dataField[index]) return undefined
  if (line.length === 4) return line.subarray(4)
  if (line[4] !== 0x3a) return undefined
  return line.subarray(line[5] === 0x20 ? 6 : 5)
}
