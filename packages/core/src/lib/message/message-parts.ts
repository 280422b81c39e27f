import type { Message } from '../contract/message.js'
import { foldName } from '../json/fold-name.js'
import { type Span, scanObject, skipSpace } from '../json/json-scan.js'
import { envelopeNames } from './member-names.js'
import { messageKind, typeOfByte } from './message-kind.js'

/** What a JSON-RPC message is, and where its members are. */
export interface MessageParts {
  readonly kind: Message['kind']
  readonly jsonrpc?: Span
  readonly id?: Span
  readonly method?: Span
  readonly params?: Span
  readonly result?: Span
  readonly error?: Span
}

type Name = Exclude<keyof MessageParts, 'kind'>

/**
 * Takes one JSON-RPC message apart without looking into its values: what kind it is, and where its members are. A message
 * is none that has a member of the protocol twice, or one that differs from it in case or by a NUL only. The bytes must
 * be valid JSON; of others it makes no sense, but it ends. It asks for no `jsonrpc` member, and does not look whether
 * `params` is an object.
 *
 * @param at where the object begins; the first byte that is no white space by default
 * @returns the parts, or why it is no message
 */
export function messageParts(
  bytes: Uint8Array,
  at: number = skipSpace(bytes, 0),
): MessageParts | { readonly why: string } {
  if (bytes[at] !== 0x7b) return notAnObject
  const found: Partial<Record<Name, Span>> = {}
  let why: string | undefined
  const end = scanObject(bytes, at, (key, value) => {
    if (envelopeNames.find(key) !== undefined) {
      if (found[key as Name] !== undefined) why ??= `The message has "${key}" twice`
      found[key as Name] = value
    } else {
      const meant = envelopeNames.meant(foldName(key))
      if (meant !== undefined) why ??= `The message has a member that some readers take for "${meant}"`
    }
  })
  if (bytes[end - 1] !== 0x7d || skipSpace(bytes, end) !== bytes.length) return notAnObject
  if (why !== undefined) return { why }
  const { id, method, result, error } = found
  const typeOf = (span: Span | undefined) => span && typeOfByte(bytes[span.start])
  const kind = messageKind(typeOf(id), typeOf(method), typeOf(result), typeOf(error))
  return typeof kind === 'string' ? { kind, ...found } : kind
}

const notAnObject = { why: 'The message must be a JSON object' }

/** How many members the object has that the bytes are, those of the same name too. The bytes must be valid JSON. */
export function countMembers(bytes: Uint8Array): number {
  let depth = 0
  let count = 0
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number
    if (byte === 0x22) {
      for (index++; index < bytes.length && bytes[index] !== 0x22; index++) if (bytes[index] === 0x5c) index++
    } else if (byte === 0x3a) {
      if (depth === 1) count++
    } else {
      // Braces and square brackets differ in this bit alone
      const bracket = byte | 0x20
      if (bracket === 0x7b) depth++
      else if (bracket === 0x7d) depth--
    }
  }
  return count
}
