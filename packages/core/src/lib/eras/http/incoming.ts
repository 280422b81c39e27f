import { at, parseSpan } from '../../json/raw-json.js'
import { messageParts } from '../../message/message-parts.js'
import { errorCodes } from '../../protocol/error-codes.js'
import type { EraAnswer } from '../era-server.js'
import { membersOf } from '../members-of.js'

/** A message of a server, in parts. */
export type Incoming =
  | { readonly kind: 'response'; readonly id: string; readonly answer: EraAnswer }
  | { readonly kind: 'request'; readonly id: string; readonly method: string; readonly params?: Uint8Array }
  | { readonly kind: 'notification'; readonly method: string; readonly params?: Uint8Array }

/** Up to this size a message is parsed to see that it is JSON at all. */
const parsedUpTo = 65_536
const decoder = new TextDecoder()

/** Reads one message; `undefined` when it is none. */
export function readIncoming(bytes: Uint8Array): Incoming | undefined {
  if (bytes.length <= parsedUpTo && parseSpan(bytes, { start: 0, end: bytes.length }) === undefined) return undefined
  const parts = messageParts(bytes)
  if ('why' in parts) return undefined
  const { kind, id, method: name, params, result, error } = parts
  const rawId = id === undefined ? 'null' : decoder.decode(at(bytes, id))
  if (kind !== 'response') {
    const method = parseSpan(bytes, name)
    if (typeof method !== 'string') return undefined
    const message = { method, ...(params === undefined ? {} : { params: at(bytes, params) }) }
    return kind === 'notification' ? { kind, ...message } : { kind, id: rawId, ...message }
  }
  // Of two members one is null, and does not count
  const own = error === undefined || (result !== undefined && bytes[error.start] === 0x6e) ? undefined : error
  if (own === undefined) return result && { kind, id: rawId, answer: { result: at(bytes, result) } }
  const failure = at(bytes, own)
  const code = parseSpan(failure, membersOf(failure, ['code']).code)
  return {
    kind,
    id: rawId,
    answer: { error: failure, code: typeof code === 'number' ? code : errorCodes.internalError },
  }
}
