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
