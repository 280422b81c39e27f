import { type Span, scanObject, skipSpace } from '../json/json-scan.js'

/** Finds the members of a JSON object that are asked for; the last one where a name occurs twice. */
export function membersOf<Key extends string>(bytes: Uint8Array, keys: readonly Key[]): Partial<Record<Key, Span>> {
  const found: Partial<Record<Key, Span>> = {}
  const start = skipSpace(bytes, 0)
  if (bytes[start] !== 0x7b) return found
  scanObject(bytes, start, (key, value) => {
    if (keys.includes(key as Key)) found[key as Key] = value
  })
  return found
}
