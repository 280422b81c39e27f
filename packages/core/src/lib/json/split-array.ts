import { scanArray, skipSpace } from './json-scan.js'
import { at, joinJson } from './raw-json.js'

/**
 * Splits a JSON array into its items, as they were written. The bytes must be valid JSON, with nothing but white space in
 * front of the array.
 *
 * @returns views of the bytes
 * @throws {RangeError} for more than `maxItems`
 */
export function splitArray(bytes: Uint8Array, maxItems: number = Number.POSITIVE_INFINITY): Uint8Array[] {
  const items: Uint8Array[] = []
  scanArray(bytes, skipSpace(bytes, 0), (item) => {
    if (items.push(at(bytes, item)) > maxItems) throw new RangeError(`The array has more than ${maxItems} items`)
  })
  return items
}

/** The JSON array of these items, as they were written. */
export function joinArray(items: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts = items.flatMap((item, index) => (index === 0 ? [item] : [',', item]))
  return joinJson(['[', ...parts, ']']) as Uint8Array<ArrayBuffer>
}
