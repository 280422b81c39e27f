import type { Message } from '@mcp-gateway/core'
import {
  type KnownMember,
  knownMembers,
  metaKeys,
  named,
  type Span,
  scanKnownMembers,
} from '@mcp-gateway/core/internal'

/** Where the parts of a client's message are that the bridge rewrites or looks at. */
export interface ClientSpans {
  readonly id?: Span
  readonly params?: Span
  /** `params._meta`. */
  readonly meta?: Span
  /** `params._meta.progressToken`. */
  readonly progressToken?: Span
  /** Of `params._meta`; who asks for log messages of a request says so here (MCP M22). */
  readonly logLevel?: Span
  /** `params.requestId`. */
  readonly requestId?: Span
}

/**
 * Finds what is rewritten in a client's message; that nothing is in it twice has been checked by `message`.
 *
 * @param members where its members are, if that is known already
 */
export function clientSpans(bytes: Buffer, members: readonly KnownMember[] = scanKnownMembers(bytes)): ClientSpans {
  const params = named(members, 'params')
  const meta = named(params?.members, '_meta')
  return {
    id: named(members, 'id'),
    params,
    meta,
    progressToken: named(meta?.members, 'progressToken'),
    logLevel: named(meta?.members, metaKeys.logLevel),
    requestId: named(params?.members, 'requestId'),
  }
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The id of a message as its client wrote it: a number beyond 2^53 is still the same. */
export function rawId(message: Message): string {
  const id = message.kind === 'request' ? named(knownMembers(message), 'id') : undefined
  return id === undefined ? 'null' : asBuffer(message.bytes).toString('utf8', id.start, id.end)
}
