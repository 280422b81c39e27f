/** Where a host adapter's own `Request` says how its body is best read: `(limit) => …`, as `readBody`. */
export const bodyReader: unique symbol = Symbol('bodyReader')

/** A `Request` of a host adapter. */
export interface ReadableRequest extends Request {
  readonly [bodyReader]?: (limit: number) => Promise<Uint8Array | 'too-large'>
}

/**
 * Reads a whole body into memory, up to a limit. It stops at the limit rather than after it, so that a sender of
 * endless bytes costs no more than a sender of the limit.
 *
 * @param limit in bytes
 */
export async function readBody(request: ReadableRequest, limit: number): Promise<Uint8Array | 'too-large'> {
  const declared = request.headers.get('content-length')
  if (declared !== null && Number(declared) > limit) return 'too-large'
  return request[bodyReader]?.(limit) ?? readStream(request.body, limit)
}

/** Reads a whole stream into memory, up to a limit in bytes; past it, the stream is cancelled. */
export async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  limit: number,
): Promise<Uint8Array | 'too-large'> {
  if (stream === null) return new Uint8Array()
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    if (value === undefined) continue
    size += value.byteLength
    if (size > limit) {
      await reader.cancel().catch(() => {})
      return 'too-large'
    }
    chunks.push(value)
  }
  return concat(chunks, size)
}

/** Joins chunks into one array of bytes. */
export function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  if (chunks.length === 1 && chunks[0] !== undefined) return chunks[0]
  const all = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    all.set(chunk, offset)
    offset += chunk.byteLength
  }
  return all
}
