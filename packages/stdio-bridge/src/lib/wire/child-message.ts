import { isUtf8 } from 'node:buffer'
import { messageParts, type Span, scanArray, skipSpace } from '@mcp-gateway/core/internal'

/** What was read of one message that a child wrote. */
export interface ChildMessage {
  readonly kind: 'request' | 'notification' | 'response'
  /** The line, or its part where the child wrote a batch. */
  readonly bytes: Buffer
  readonly id?: Span
  readonly method?: string
  readonly params?: Span
  readonly result?: Span
  readonly error?: Span
}

/** From here on a message is not parsed: its members are told apart without looking into them. */
const scanFrom = 16_384

/**
 * Reads one line of a child's stdout: usually one message, several for the batches of 2025-03-26, none when it is
 * not a message. The payload of a large message is not looked into, except for numbers that JSON does not have, which some
 * programs write. A byte order mark before the message is skipped, as RFC 8259 section 8.1 allows.
 */
export function readChildLine(whole: Buffer): ChildMessage[] {
  const line = hasMark(whole) ? whole.subarray(3) : whole
  if (line.length < scanFrom || line.includes('NaN') || line.includes('Infinity')) {
    try {
      JSON.parse(line.toString('utf8', 0, line.length))
    } catch {
      return []
    }
  }
  if (!isUtf8(line)) return []
  const start = skipSpace(line, 0)
  if (line[start] === 0x7b) return one(line, start)
  const messages: ChildMessage[] = []
  if (line[start] === 0x5b) {
    scanArray(line, start, ({ start, end }) => {
      if (line[start] === 0x7b) messages.push(...one(line.subarray(start, end), 0))
    })
  }
  return messages
}

function hasMark(line: Buffer): boolean {
  return line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf
}

/** The id that the two ends of an overlong line show, if it is a response. */
export function readOverlong(head: Buffer, tail: Buffer): number | undefined {
  const match =
    /^\s{0,8}\{\s{0,8}(?:"jsonrpc"\s{0,8}:\s{0,8}"2\.0"\s{0,8},\s{0,8})?"id"\s{0,8}:\s{0,8}"?(\d{1,15})(?:\.0{1,8})?"?\s{0,8},/.exec(
      head.toString('latin1'),
    )
  const id = match?.[1] ?? tailId(tail)
  return id === undefined ? undefined : Number(id)
}

function one(bytes: Buffer, start: number): ChildMessage[] {
  const parts = messageParts(bytes, start)
  if ('why' in parts) return []
  const { kind, id, method, params, result, error } = parts
  if (kind === 'response') return [{ kind, bytes, id, result, error }]
  const name = readString(bytes, method)
  return name === undefined ? [] : [{ kind, bytes, id, method: name, params }]
}

const trailingId =
  /[}\]]\s{0,8},\s{0,8}(?:"jsonrpc"\s{0,8}:\s{0,8}"2\.0"\s{0,8},\s{0,8})?"id"\s{0,8}:\s{0,8}"?(\d{1,15})(?:\.0{1,8})?"?\s{0,8}(?:,\s{0,8}"jsonrpc"\s{0,8}:\s{0,8}"2\.0"\s{0,8})?\}\s{0,8}$/

// A quote before a trailing id cannot be inside of a string, nor can the last brace close anything but the object
function tailId(tail: Buffer): string | undefined {
  const text = tail.toString('latin1')
  return trailingId.exec(text)?.[1]
}

function readString(bytes: Buffer, span: Span | undefined): string | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8', span?.start, span?.end))
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
