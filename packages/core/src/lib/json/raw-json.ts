import type { Span } from './json-scan.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

// Memory that is filled at once need not be cleared first, where the host offers that
const host = globalThis as { Buffer?: { allocUnsafe?: (length: number) => Uint8Array } }

/** Memory to be filled at once. */
export function allocate(length: number): Uint8Array {
  return host.Buffer?.allocUnsafe?.(length) ?? new Uint8Array(length)
}

/** Joins texts and bytes to one piece of JSON. Texts that occur often should be encoded once by their user. */
export function rawJson(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const pieces = parts.map((part) => (typeof part === 'string' ? encoder.encode(part) : part))
  const [only] = pieces
  if (pieces.length === 1 && only !== undefined) return only
  const joined = allocate(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

/** Parses a range of JSON bytes; `undefined` where there is none, or where it is not JSON. */
export function parseSpan(bytes: Uint8Array, span: Span | undefined): unknown {
  if (span === undefined) return undefined
  try {
    return JSON.parse(decoder.decode(bytes.subarray(span.start, span.end)))
  } catch {
    return undefined
  }
}

/** The bytes of a range. */
export function at(bytes: Uint8Array, span: Span): Uint8Array {
  return bytes.subarray(span.start, span.end)
}
