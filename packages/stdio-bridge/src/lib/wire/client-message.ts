import type { Message } from '@mcp-gateway/core'
import { member, type Span, scanObject, skipSpace } from '@mcp-gateway/core/internal'

/** Where the parts of a client's message are that the bridge rewrites. */
export interface ClientSpans {
  readonly id?: Span
  readonly params?: Span
  /** `params._meta`. */
  readonly meta?: Span
  /** `params._meta.progressToken`. */
  readonly progressToken?: Span
}

/** Finds what is rewritten in a client's message; that nothing is in it twice has been checked by `message`. */
export function clientSpans(bytes: Buffer): ClientSpans {
  let id: Span | undefined
  let params: Span | undefined
  scanObject(bytes, skipSpace(bytes, 0), (key, value) => {
    if (key === 'id') id = value
    else if (key === 'params') params = value
  })
  const meta = member(bytes, params, '_meta')
  return { id, params, meta, progressToken: member(bytes, meta, 'progressToken') }
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The id of a message as its client wrote it: a number beyond 2^53 is still the same. */
export function rawId({ kind, bytes }: Message): string {
  const own = asBuffer(bytes)
  const { id } = kind === 'request' ? clientSpans(own) : {}
  return id === undefined ? 'null' : own.toString('utf8', id.start, id.end)
}
