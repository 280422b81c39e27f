import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinArray, splitArray } from './split-array.js'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (part: Uint8Array) => new TextDecoder().decode(part)

test('splits an array into its items, untouched', () => {
  expect(splitArray(bytes(' [ {"a":[1,2]} ,"x,]y\\"", 12345678901234567890123, 1.10e2\n]')).map(text)).toEqual([
    '{"a":[1,2]}',
    '"x,]y\\""',
    '12345678901234567890123',
    '1.10e2',
  ])
  expect(splitArray(bytes('[ ]'))).toEqual([])
})

test('finds the items that JSON.parse finds, and joins them to the same array', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom(0, 2), (items, indent) => {
      const parts = splitArray(bytes(JSON.stringify(items, null, indent)))
      const expected = JSON.parse(JSON.stringify(items))
      expect(parts.map((part) => JSON.parse(text(part)))).toEqual(expected)
      expect(JSON.parse(text(joinArray(parts)))).toEqual(expected)
    }),
  )
})

test('counts items while it reads', () => {
  expect(splitArray(bytes('[1,2,3]'), 3)).toHaveLength(3)
  expect(() => splitArray(bytes('[1,2,3]'), 2)).toThrow(RangeError)
})
