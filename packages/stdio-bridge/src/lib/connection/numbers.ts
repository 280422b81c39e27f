import type { Span } from '@mcp-gateway/core/internal'

/** A copy of these bytes that does not keep the whole chunk alive. */
export function copy(bytes: Buffer, { start, end }: Span): Buffer {
  return Buffer.from(bytes.subarray(start, end))
}

/** The integer at this place. */
export function numberAt(bytes: Buffer, span: Span | undefined): number | undefined {
  if (span === undefined) return undefined
  const number = Number(bytes.toString('latin1', span.start, span.end))
  return Number.isInteger(number) ? number : undefined
}

const longest = 32
const spelling = /^("?)(\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?)\1$/

/**
 * One of our own numbers, by its value: some programs write a number back as a text, or as one with a fraction of zero.
 * -1 for what cannot be one.
 *
 * @param raw JSON
 */
export function ownNumber(raw: string): number {
  const digits = raw.length > longest ? undefined : spelling.exec(raw)?.[2]
  const number = Number(digits ?? -1)
  return Number.isSafeInteger(number) ? number : -1
}

/** One of our own numbers at this place; -1 where there is none. */
export function ownNumberAt(bytes: Buffer, span: Span | undefined): number {
  return span === undefined || span.end - span.start > longest
    ? -1
    : ownNumber(bytes.toString('latin1', span.start, span.end))
}
