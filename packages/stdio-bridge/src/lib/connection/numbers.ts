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

/** One of our own numbers; -1 for what cannot be one. */
export function toNumber(raw: string): number {
  return /^\d{1,15}$/.test(raw) ? Number(raw) : -1
}
