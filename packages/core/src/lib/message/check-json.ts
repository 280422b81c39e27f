import { cutAtNul, foldName, isIllFormed } from '../json/fold-name.js'
import { envelopeNames, type MemberNames } from './member-names.js'

/**
 * Looks over the text of a JSON-RPC message, or of a batch of them, for what `JSON.parse` lets pass: too deep a nesting,
 * and member names that two parsers would read differently. Anywhere that is a name that an object has twice, also when
 * a parser ends names at a NUL. In the envelope, `params`, `_meta` and what else says what a request is about, it is
 * also a name that differs from another one, or from one of the protocol, in case or by a NUL only. The text must be
 * valid JSON.
 *
 * @returns what is wrong, or `undefined`
 */
export function checkJson(text: string, maxDepth: number): string | undefined {
  const seen: (string[] | Set<string> | undefined)[] = []
  const known: (MemberNames | undefined)[] = []
  let isBatch = false
  /** Which names the object has that begins next. */
  let next: MemberNames | undefined = envelopeNames
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case 0x7b: // {
        if (++depth > maxDepth) return `The body is nested deeper than ${maxDepth} levels`
        seen[depth] = undefined
        known[depth] = isBatch && depth === 2 ? envelopeNames : next
        next = undefined
        break
      case 0x5b: // [
        if (++depth > maxDepth) return `The body is nested deeper than ${maxDepth} levels`
        if (depth === 1) isBatch = true
        seen[depth] = undefined
        next = undefined
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        break
      case 0x22: {
        const end = stringEnd(text, index)
        const after = skipSpace(text, end + 1)
        if (text.charCodeAt(after) === 0x3a) {
          const raw = text.slice(index + 1, end)
          const key: string = raw.includes('\\') ? JSON.parse(`"${raw}"`) : raw
          const names = known[depth]
          // A NUL can only be written by an escape
          let compared = key.length === raw.length ? key : cutAtNul(key)
          if (names !== undefined) {
            const inner = names.inner.get(key)
            next = inner ?? undefined
            if (inner === undefined) {
              const flaw = misspelt(key, names)
              if (flaw !== undefined) return flaw
              compared = foldName(key)
            }
          }
          const keys = seen[depth]
          if (isKnown(keys, compared)) return `The body has an object with two members named ${quote(compared)}`
          seen[depth] = withKey(keys, compared)
        }
        index = end
        break
      }
    }
  }
  return undefined
}

/** What is wrong with a name that the protocol does not have here. */
function misspelt(key: string, { folded }: MemberNames): string | undefined {
  if (isIllFormed(key)) return 'The body has a member whose name is not well-formed Unicode'
  const meant = folded.get(foldName(key))
  return meant && `The body has a member named ${quote(key)}, which some servers read as ${quote(meant)}; rename it`
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}

/** Up to this many names are cheaper to compare one by one than to hash. */
const few = 8

function isKnown(keys: string[] | Set<string> | undefined, key: string): boolean {
  if (keys === undefined) return false
  return keys instanceof Set ? keys.has(key) : keys.includes(key)
}

function withKey(keys: string[] | Set<string> | undefined, key: string): string[] | Set<string> {
  if (keys === undefined) return [key]
  if (keys instanceof Set) return keys.add(key)
  if (keys.length >= few) return new Set(keys).add(key)
  keys.push(key)
  return keys
}

/** The index of the quote that ends the string which starts at `start`. */
function stringEnd(text: string, start: number): number {
  for (let index = start + 1; ; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x22) return index
    if (code === 0x5c) index++
  }
}

function skipSpace(text: string, start: number): number {
  let index = start
  for (let code = text.charCodeAt(index); code <= 0x20; code = text.charCodeAt(index)) index++
  return index
}
