import type { Message } from '../contract/message.js'

/** What kind of JSON value a member has; `undefined` where there is no such member. */
export type JsonType = 'string' | 'number' | 'object' | 'null' | 'other' | undefined

/**
 * Decides what a JSON-RPC message is, for every reader of the gateway. A message with a method and a result is none: one
 * reader would take it for a request, and another for a response. Of `result` and `error` one may be `null` beside the
 * other, as some servers write it.
 *
 * @returns the kind, or why it is no message
 * @see JSON-RPC 2.0 sections 4 and 5
 */
export function messageKind(
  id: JsonType,
  method: JsonType,
  result: JsonType,
  error: JsonType,
): Message['kind'] | { readonly why: string } {
  if (method !== undefined) {
    if (method !== 'string') return wrong.method
    if (result !== undefined || error !== undefined) return wrong.two
    if (id === undefined) return 'notification'
    // MCP base protocol: "the ID MUST NOT be null"
    return id === 'string' || id === 'number' ? 'request' : wrong.id
  }
  if (result === undefined && error === undefined) return wrong.nothing
  if (result !== undefined && error !== undefined && result !== 'null' && error !== 'null') return wrong.two
  if (id === 'string' || id === 'number') return 'response'
  // A server that could not read a request does not know its id
  const isError = error !== undefined && error !== 'null'
  return isError && (id === undefined || id === 'null') ? 'response' : wrong.id
}

const wrong = {
  method: { why: '"method" must be a string' },
  two: { why: 'A message has "method", "result" or "error", not two' },
  nothing: { why: 'A message needs "method", "result" or "error"' },
  id: { why: '"id" must be a string or a number' },
}

/** The kind of a parsed value. A number that is beyond all that JavaScript has is none that could be written back. */
export function typeOfValue(value: unknown): JsonType {
  if (value === undefined) return undefined
  if (value === null) return 'null'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'number') return Number.isFinite(value) ? 'number' : 'other'
  return typeof value === 'object' && !Array.isArray(value) ? 'object' : 'other'
}

/** The kind of the JSON value that begins with this byte. */
export function typeOfByte(byte: number | undefined): JsonType {
  switch (byte) {
    case 0x22:
      return 'string'
    case 0x7b:
      return 'object'
    case 0x6e:
      return 'null'
    default:
      return byte === 0x2d || (byte !== undefined && byte >= 0x30 && byte <= 0x39) ? 'number' : 'other'
  }
}
