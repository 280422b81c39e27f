import { hasMoreValues } from './has-more-values.js'
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
  return joinJson(parts)
}

/** The same for a list, which may be longer than the arguments of a call. */
export function joinJson(parts: readonly (string | Uint8Array)[]): Uint8Array {
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

/**
 * The object of these members, copied out of another object without a piece of memory for each of them.
 *
 * @param runs start and end of each run of members that stand beside each other, in turn
 * @param first a member to put in front
 */
export function objectOfRuns(bytes: Uint8Array, runs: readonly number[], first?: Uint8Array): Uint8Array {
  const members = runs.length / 2 + (first === undefined ? 0 : 1)
  let length = 2 + (first?.length ?? 0) + Math.max(0, members - 1)
  for (let index = 0; index < runs.length; index += 2) length += (runs[index + 1] as number) - (runs[index] as number)
  const object = allocate(length)
  object[0] = 0x7b
  let to = 1
  const put = (part: Uint8Array) => {
    if (to > 1) object[to++] = 0x2c
    object.set(part, to)
    to += part.length
  }
  if (first !== undefined) put(first)
  for (let index = 0; index < runs.length; index += 2) put(bytes.subarray(runs[index], runs[index + 1]))
  object[to] = 0x7d
  return object
}

/** How many values the largest text may have that is parsed as a whole; some 100 MB. */
export const maxParsedValues = 1_000_000

/**
 * Parses a range of JSON bytes; `undefined` where there is none, where it is not JSON, or where it has more than a
 * million values.
 */
export function parseSpan(bytes: Uint8Array, span: Span | undefined): unknown {
  if (span === undefined) return undefined
  const own = bytes.subarray(span.start, span.end)
  if (hasMoreValues(own, maxParsedValues)) return undefined
  try {
    return JSON.parse(decoder.decode(own))
  } catch {
    return undefined
  }
}

/** The bytes of a range. */
export function at(bytes: Uint8Array, span: Span): Uint8Array {
  return bytes.subarray(span.start, span.end)
}
