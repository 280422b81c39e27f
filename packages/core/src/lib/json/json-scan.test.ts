import fc from 'fast-check'
import { expect, test } from 'vitest'
import { member, type Span, scanArray, scanObject, skipSpace } from './json-scan.js'

const bytes = (text: string) => new TextEncoder().encode(text)
const parse = (all: Uint8Array, { start, end }: Span) => JSON.parse(new TextDecoder().decode(all.subarray(start, end)))

const key = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom('', '"', '\\', '\\"', '}', '{', ',', ':', 'é', '__proto__', '名'.repeat(30)),
)
const value = fc.jsonValue({ maxDepth: 4 })
const indent = fc.constantFrom(0, 1, '\t')

test('the members of an object are those that JSON.parse finds', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 8 }), indent, (members, space) => {
      const object = Object.fromEntries(members)
      const text = JSON.stringify(object, null, space)
      const all = bytes(text)
      const found: [string, unknown][] = []
      const end = scanObject(all, 0, (name, span) => found.push([name, parse(all, span)]))
      expect(end).toBe(all.length)
      expect(found).toEqual(Object.entries(JSON.parse(text)))
    }),
  )
})

test('the items of an array are those that JSON.parse finds', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 8 }), indent, (items, space) => {
      const text = JSON.stringify(items, null, space)
      const all = bytes(text)
      const found: unknown[] = []
      expect(scanArray(all, 0, (span) => found.push(parse(all, span)))).toBe(all.length)
      expect(found).toEqual(JSON.parse(text))
    }),
  )
})

test.each(['\\', '\\\\', '\\"', '\\\\\\"', '"', `${'x'.repeat(30)}\\\\"`, '"'.repeat(60), '\\'.repeat(61)])(
  'a string that ends in quotes or backslashes ends where it ends: %j',
  (content) => {
    for (let padding = 0; padding < 30; padding++) {
      const all = bytes(JSON.stringify([`${'a'.repeat(padding)}${content}`, 2]))
      const found: unknown[] = []
      scanArray(all, 0, (span) => found.push(parse(all, span)))
      expect(found).toEqual([`${'a'.repeat(padding)}${content}`, 2])
    }
  },
)

test('a member is named by what its key says, however it is escaped; of two the last one counts', () => {
  const all = bytes('{ "\\u0061" : 1 , "a":{"b":2}, "\\ud83d\\ude00":3 }')
  const whole = { start: 0, end: all.length }
  expect(parse(all, member(all, whole, 'a') as Span)).toEqual({ b: 2 })
  expect(parse(all, member(all, whole, '😀') as Span)).toBe(3)
  expect(parse(all, member(all, member(all, whole, 'a'), 'b') as Span)).toBe(2)
  expect(member(all, whole, 'b')).toBeUndefined()
  expect(member(all, undefined, 'a')).toBeUndefined()
  expect(member(bytes('[1]'), { start: 0, end: 3 }, '0')).toBeUndefined()
})

test('the start of a member is that of its key', () => {
  const all = bytes('{ "a" : 1, "b":2}')
  const starts: number[] = []
  scanObject(all, 0, (_name, _value, start) => starts.push(start))
  expect(starts).toEqual([2, 11])
})

test('white space is what JSON says', () => {
  expect(skipSpace(bytes(' \t\r\n{'), 0)).toBe(4)
  expect(skipSpace(bytes('\u000b{'), 0)).toBe(0)
  expect(skipSpace(bytes('  '), 0)).toBe(2)
})

test('bytes that are not JSON are read to an end [attack 157]', () => {
  const junk = fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', 'a', ' '), maxLength: 60 })
  fc.assert(
    fc.property(junk, (text) => {
      const all = bytes(text)
      let visits = 0
      scanObject(all, 0, () => visits++)
      scanArray(all, 0, () => visits++)
      expect(visits).toBeLessThanOrEqual(2 * all.length + 2)
    }),
    { numRuns: 500 },
  )
})
