import type { Message } from '../contract/message.js'
import { type Span, scanObject, skipSpace } from '../json/json-scan.js'
import { envelopeNames, type MemberNames } from './member-names.js'

/** Where a member of a message is that the protocol has a name for. */
export interface KnownMember extends Span {
  readonly name: string
  /** Where its name begins, the quote included. */
  readonly from: number
  /** The members in it that the protocol has names for, in the order of the text. */
  readonly members: readonly KnownMember[]
}

/** Where a message of ours keeps what {@link knownMembers} has found, so that each reader of it need not look again. */
export const known: unique symbol = Symbol('known')

/** A message that may keep where its members are. Those that others make do not. */
export interface ScannedMessage extends Message {
  readonly [known]?: readonly KnownMember[]
}

/**
 * Where the members of a message are that the protocol has names for: those of the envelope, of `params`, of `_meta` and
 * of what else says what a request is about. Others are not told, however many there are.
 */
export function knownMembers(message: ScannedMessage): readonly KnownMember[] {
  return message[known] ?? scanKnownMembers(message.bytes)
}

/** The same for the bytes of a message, which must be valid JSON. */
export function scanKnownMembers(bytes: Uint8Array): readonly KnownMember[] {
  return scan(bytes, skipSpace(bytes, 0), envelopeNames)
}

/** The last member of this name, as `JSON.parse` takes it. */
export function named(members: readonly KnownMember[] | undefined, name: string): KnownMember | undefined {
  return members?.findLast((one) => one.name === name)
}

const none: readonly KnownMember[] = []

function scan(bytes: Uint8Array, at: number, names: MemberNames): readonly KnownMember[] {
  if (bytes[at] !== 0x7b) return none
  const found: KnownMember[] = []
  scanObject(bytes, at, (key, { start, end }, from) => {
    const own = names.find(key)
    if (own === undefined) return
    const members = own.inner === undefined ? none : scan(bytes, start, own.inner)
    found.push({ name: own.name, from, start, end, members })
  })
  return found
}
