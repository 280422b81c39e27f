import { type Edit, requestHead, type Span, splice as spliceInto } from '@mcp-gateway/core/internal'

/** A copy of the bytes with the edits made; they must not overlap. */
export function splice(bytes: Buffer, edits: readonly Edit[], extra = 0): Buffer {
  return spliceInto(bytes, edits, Buffer.allocUnsafe, extra)
}

/**
 * A message as one line for a child's stdin. In valid JSON a raw line end is white space between two tokens: it becomes
 * a space, so that no body can carry a second message past us (MCP S1).
 */
export function toLine(bytes: Buffer, edits: readonly Edit[]): Buffer {
  const line = splice(bytes, edits, 1)
  line[line.length - 1] = 0x0a
  const last = line.length - 1
  for (let at = line.indexOf(0x0a); at < last; at = line.indexOf(0x0a, at + 1)) line[at] = 0x20
  blankReturns(line)
  return line
}

/** Turns raw carriage returns, which would end a line of an event stream early, into spaces, in place. */
export function blankReturns(bytes: Buffer): void {
  for (let at = bytes.indexOf(0x0d); at !== -1; at = bytes.indexOf(0x0d, at + 1)) bytes[at] = 0x20
}

/** Params as they came, and what is to be changed in them. */
export interface EditedParams {
  readonly bytes: Buffer
  /** Becomes the number of the request. */
  readonly progressToken?: Span
  readonly edits: readonly Edit[]
}

/** A request as one line for a child's stdin, made of its parts. */
export function requestLine(number: number, method: string, params?: EditedParams): Buffer {
  const head = requestHead(number, method)
  if (params === undefined) return Buffer.from(`${head}}\n`)
  const { bytes, progressToken } = params
  const edits: Edit[] = [
    { start: 0, end: 0, bytes: Buffer.from(`${head},"params":`) },
    { start: bytes.length, end: bytes.length, bytes: Buffer.from('}') },
    ...params.edits,
  ]
  if (progressToken !== undefined) edits.push({ ...progressToken, bytes: Buffer.from(String(number)) })
  return toLine(bytes, edits)
}
