import type { EraAnswer } from '../eras/era-server.js'
import { membersOf } from '../eras/members-of.js'
import { at, parseSpan } from '../json/raw-json.js'

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
  const { id, method: name, params, result, error } = membersOf(bytes, ['id', 'method', 'params', 'result', 'error'])
  const rawId = id === undefined ? 'null' : decoder.decode(at(bytes, id))
  if (name !== undefined) {
    const method = parseSpan(bytes, name)
    if (typeof method !== 'string') return undefined
    const message = { method, ...(params === undefined ? {} : { params: at(bytes, params) }) }
    return id === undefined ? { kind: 'notification', ...message } : { kind: 'request', id: rawId, ...message }
  }
  if (result !== undefined) return { kind: 'response', id: rawId, answer: { result: at(bytes, result) } }
  if (error === undefined) return undefined
  const own = at(bytes, error)
  const code = parseSpan(own, membersOf(own, ['code']).code)
  return { kind: 'response', id: rawId, answer: { error: own, code: typeof code === 'number' ? code : -32603 } }
}
