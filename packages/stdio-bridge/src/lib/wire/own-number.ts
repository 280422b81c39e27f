import type { Span } from '@mcp-gateway/core/internal'

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
