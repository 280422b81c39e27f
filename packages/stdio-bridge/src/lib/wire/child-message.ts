import { isUtf8 } from 'node:buffer'
import { type Span, scanArray, scanObject, skipSpace } from '@mcp-gateway/core/eras'

/** What was read of one message that a child wrote. */
export interface ChildMessage {
  readonly kind: 'request' | 'notification' | 'response'
  /** The line, or its part where the child wrote a batch. */
  readonly bytes: Buffer
  readonly id?: Span
  readonly method?: string
  readonly params?: Span
  /** In a large message up to where the envelope can be told; members that a child puts behind it count as its part. */
  readonly result?: Span
  readonly error?: Span
}

/** From here on a response is not parsed: only its envelope is looked for. */
const scanFrom = 16_384

/**
 * Reads one line of a child's stdout: usually one message, several for the batches of 2025-03-26, none when it is
 * rubbish. The payload of a large message is not looked into.
 */
export function readChildLine(line: Buffer): ChildMessage[] {
  if (line.length < scanFrom) {
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

/** The id that the two ends of an overlong line show, if it is a response. */
export function readOverlong(head: Buffer, tail: Buffer): number | undefined {
  const match =
    /^\s{0,8}\{\s{0,8}(?:"jsonrpc"\s{0,8}:\s{0,8}"2\.0"\s{0,8},\s{0,8})?"id"\s{0,8}:\s{0,8}(\d{1,15})\s{0,8},/.exec(
      head.toString('latin1'),
    )
  const id = match?.[1] ?? tailId(tail)?.text
  return id === undefined ? undefined : Number(id)
}

function one(bytes: Buffer, start: number): ChildMessage[] {
  if (bytes.length >= scanFrom) {
    const quick = quickResponse(bytes)
    if (quick !== undefined) return [quick]
  }
  const found: Partial<Record<string, Span>> = {}
  const end = scanObject(bytes, start, (key, value) => {
    found[key] = value
  })
  if (bytes[end - 1] !== 0x7d || skipSpace(bytes, end) !== bytes.length) return []
  const { id, method, params, result, error } = found
  if (method !== undefined) {
    const name = readString(bytes, method)
    if (name === undefined) return []
    return [{ kind: id === undefined ? 'notification' : 'request', bytes, id, method: name, params }]
  }
  if (result === undefined && error === undefined) return []
  return [{ kind: 'response', bytes, id, result, error }]
}

const headPattern = /^\{(?:"jsonrpc":"2\.0",)?"id":(\d{1,15}),(?:"jsonrpc":"2\.0",)?"result":/

// Both places are exact: the head is the first bytes of the object, and a quote before a trailing id cannot be inside
// of a string, nor can the last brace close anything but the object
function quickResponse(bytes: Buffer): ChildMessage | undefined {
  const head = bytes.toString('latin1', 0, 100)
  const match = headPattern.exec(head)
  if (match?.[1] !== undefined && bytes.at(-1) === 0x7d) {
    const start = head.indexOf('"id":') + 5
    const result = { start: match[0].length, end: bytes.length - 1 }
    return { kind: 'response', bytes, id: { start, end: start + match[1].length }, result }
  }
  if (!/^\{"result":[{[]/.test(head)) return undefined
  const tail = tailId(bytes.subarray(-100))
  if (tail === undefined) return undefined
  const offset = bytes.length - Math.min(100, bytes.length)
  const start = offset + tail.at
  const result = { start: '{"result":'.length, end: offset + tail.from + 1 }
  return { kind: 'response', bytes, id: { start, end: start + tail.text.length }, result }
}

function tailId(tail: Buffer): { text: string; at: number; from: number } | undefined {
  const text = tail.toString('latin1')
  const match = /[}\]],(?:"jsonrpc":"2\.0",)?"id":(\d{1,15})(?:,"jsonrpc":"2\.0")?\}\s{0,8}$/.exec(text)
  if (match?.[1] === undefined) return undefined
  return { text: match[1], at: text.indexOf('"id":', match.index) + 5, from: match.index }
}

function readString(bytes: Buffer, { start, end }: Span): string | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8', start, end))
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
