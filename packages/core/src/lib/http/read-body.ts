import type { ByteBudget } from './byte-budget.js'
import { ByteBuffer } from './byte-buffer.js'

/** Where a host adapter's own `Request` says how its body is best read: `(limit, budget) => …`, as `readBody`. */
export const bodyReader: unique symbol = Symbol('bodyReader')

/** A `Request` of a host adapter. */
export interface ReadableRequest extends Request {
  readonly [bodyReader]?: (limit: number, budget?: ByteBudget) => Promise<Uint8Array | 'too-large'>
}

/**
 * Reads a whole body into memory, up to a limit. It stops at the limit rather than after it, so that a sender of
 * endless bytes costs no more than a sender of the limit; and memory grows with the bytes, however small the chunks are
 * in which they come. It does not decode them.
 *
 * @param limit in bytes
 * @param budget bytes that several bodies share; what is returned stays taken from it
 * @returns the bytes, or `too-large`
 * @example
 * ```ts
 * const body = await readBody(request, 65_536)
 * if (body === 'too-large') return new Response(null, { status: 413 })
 * ```
 */
export async function readBody(
  request: ReadableRequest,
  limit: number,
  budget?: ByteBudget,
): Promise<Uint8Array | 'too-large'> {
  const declared = Number(request.headers.get('content-length') ?? 0)
  if (declared > limit) return 'too-large'
  return request[bodyReader]?.(limit, budget) ?? readStream(request.body, limit, budget)
}

/**
 * Reads a whole stream into memory, up to a limit in bytes; past it, the stream is cancelled.
 *
 * @param budget bytes that several streams share; what is returned stays taken from it
 */
export async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  limit: number,
  budget?: ByteBudget,
): Promise<Uint8Array | 'too-large'> {
  if (stream === null) return new Uint8Array()
  const reader = stream.getReader()
  const buffer = new ByteBuffer({ limit, budget })
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      if (value === undefined || buffer.add(value)) continue
      buffer.clear()
      await reader.cancel().catch(() => {})
      return 'too-large'
    }
  } catch (error) {
    buffer.clear()
    throw error
  }
  return buffer.take()
}
