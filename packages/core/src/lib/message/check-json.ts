/**
 * Looks over the text of a JSON document for what `JSON.parse` lets pass: too deep a nesting, and objects with two
 * members of one name, which two parsers would read differently. Names that differ in case only count as the same down
 * to the members of `params`, since some parsers ignore case. The text must be valid JSON.
 *
 * @returns what is wrong, or `undefined`
 */
export function checkJson(text: string, maxDepth: number): string | undefined {
  const seen: (string[] | Set<string> | undefined)[] = []
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > maxDepth) return `The body is nested deeper than ${maxDepth} levels`
        seen[depth] = undefined
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        break
      case 0x22: {
        const end = stringEnd(text, index)
        const after = skipSpace(text, end + 1)
        if (text.charCodeAt(after) === 0x3a) {
          const key = readKey(text.slice(index + 1, end), depth)
          const keys = seen[depth]
          if (isKnown(keys, key)) {
            return `The body has an object with two members named ${JSON.stringify(key.slice(0, 100))}`
          }
          seen[depth] = withKey(keys, key)
        }
        index = end
        break
      }
    }
  }
  return undefined
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

/** Level 1 is the message, 2 is `params`; 3 holds `_meta` and a tool's arguments, whose names are the tool's own. */
function readKey(raw: string, depth: number): string {
  const key: string = raw.includes('\\') ? JSON.parse(`"${raw}"`) : raw
  return depth <= 2 ? key.toLowerCase() : key
}
