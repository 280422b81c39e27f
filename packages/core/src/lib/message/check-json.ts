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
  const levels: Level[] = []
  let isBatch = false
  /** Which names the object has that begins next. */
  let next: MemberNames | undefined = envelopeNames
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x22) {
      const end = stringEnd(text, index)
      if (isBeforeColon(text, end + 1)) {
        const level = levels[depth] as Level
        let key = text.slice(index + 1, end)
        let known = level.names?.find(key)
        const isEscaped = known === undefined && key.includes('\\')
        if (isEscaped) {
          key = JSON.parse(`"${key}"`)
          known = level.names?.find(key)
        }
        next = known?.inner
        if (known !== undefined) {
          if ((level.found & known.bit) !== 0) return twice(key)
          level.found |= known.bit
        } else {
          const flaw = otherName(level, key, isEscaped)
          if (flaw !== undefined) return flaw
        }
      }
      index = end
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > maxDepth) return `The body is nested deeper than ${maxDepth} levels`
      if (code === 0x7b) {
        const names = isBatch && depth === 2 ? envelopeNames : next
        const level = levels[depth]
        if (level === undefined) levels[depth] = { names, found: 0, count: 0, others: undefined, set: undefined }
        else {
          level.names = names
          level.found = 0
          level.count = 0
          level.set = undefined
        }
      } else if (depth === 1) isBatch = true
      next = undefined
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  return undefined
}

/** An object of which the members are being read. */
interface Level {
  /** The names that the protocol has in it. */
  names: MemberNames | undefined
  /** Which of them there were, by their bits. */
  found: number
  /** The other names that there were, as they are compared: so many of these, or all of the set. */
  count: number
  others: string[] | undefined
  set: Set<string> | undefined
}

/** What is wrong with a name that the protocol does not have here. */
function otherName(level: Level, key: string, isEscaped: boolean): string | undefined {
  const { names } = level
  // Half a surrogate pair and a NUL can only be written by an escape
  let compared = isEscaped ? cutAtNul(key) : key
  if (names !== undefined) {
    if (isEscaped && isIllFormed(key)) return 'The body has a member whose name is not well-formed Unicode'
    compared = foldName(key)
    const meant = names.meant(compared)
    if (meant !== undefined)
      return `The body has a member named ${quote(key)}, which some servers read as ${quote(meant)}; rename it`
  }
  if (level.set !== undefined) return level.set.has(compared) ? twice(compared) : void level.set.add(compared)
  level.others ??= []
  const { others } = level
  for (let index = 0; index < level.count; index++) if (others[index] === compared) return twice(compared)
  others[level.count++] = compared
  if (level.count > few) level.set = new Set(others)
  return undefined
}

function twice(name: string): string {
  return `The body has an object with two members named ${quote(name)}`
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}

/** Up to this many names are cheaper to compare one by one than to hash. */
const few = 8

/** Up to this many characters are cheaper to look at one by one than to search. */
const short = 64

/** The index of the quote that ends the string which starts at `start`; the end where there is none. */
function stringEnd(text: string, start: number): number {
  let index = start + 1
  for (const end = Math.min(index + short, text.length); index < end; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x22) return index
    if (code === 0x5c) index++
  }
  // Each quote looks back over the backslashes before it, at most to the quote before: linear in all
  const from = index
  for (let end = text.indexOf('"', from); end !== -1; end = text.indexOf('"', end + 1)) {
    let back = end - 1
    while (back >= from && text.charCodeAt(back) === 0x5c) back--
    if ((end - back) % 2 === 1) return end
  }
  return text.length
}

function isBeforeColon(text: string, start: number): boolean {
  let code = text.charCodeAt(start)
  for (let index = start + 1; code <= 0x20; index++) code = text.charCodeAt(index)
  return code === 0x3a
}
