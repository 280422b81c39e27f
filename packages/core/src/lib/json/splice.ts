import type { Span } from './json-scan.js'

/** Bytes that take the place of a range. */
export interface Edit extends Span {
  readonly bytes: Uint8Array
}

/** A copy of the bytes with the edits made; they must not overlap. `extra` bytes are left free behind them. */
export function splice<T extends Uint8Array>(
  bytes: Uint8Array,
  edits: readonly Edit[],
  allocate: (length: number) => T,
  extra = 0,
): T {
  const sorted = edits.length > 1 ? [...edits].sort((a, b) => a.start - b.start) : edits
  let length = bytes.length + extra
  for (const edit of sorted) length += edit.bytes.length - (edit.end - edit.start)
  const result = allocate(length)
  let from = 0
  let to = 0
  for (const edit of sorted) {
    const kept = bytes.subarray(from, edit.start)
    result.set(kept, to)
    result.set(edit.bytes, to + kept.length)
    to += kept.length + edit.bytes.length
    from = edit.end
  }
  result.set(from === 0 ? bytes : bytes.subarray(from), to)
  return result
}
