import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomBase62, toBase62 } from './base62.js'
import { crc32 } from './crc32.js'
import { keyFormat, prefixType } from './key-format.js'

const format = keyFormat('mcpg')
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

test('a key is a prefix, an id, a secret and a checksum, and is found by its regular expression', () => {
  const { id, key } = format.make()
  expect(key).toMatch(/^\bmcpg_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}\b$/)
  expect(key).toHaveLength(56)
  expect(key.split('_')[1]).toBe(id)
  expect(format.read(key)).toBe(id)
})

test('a second key of the same id has another secret', () => {
  const { id, key } = format.make()
  const second = format.make(id)
  expect(second.id).toBe(id)
  expect(second.key).not.toBe(key)
  expect(format.read(second.key)).toBe(id)
})

test('the checksum is a CRC-32, on every text', () => {
  expect(crc32('123456789')).toBe(0xcbf43926)
  expect(crc32('')).toBe(0)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 100 }), (text) => crc32(text) === zlibCrc32(text)),
  )
})

test('a number in base62 fills its digits', () => {
  expect(toBase62(0, 6)).toBe('000000')
  expect(toBase62(61, 6)).toBe('00000z')
  expect(toBase62(0xffffffff, 6)).toBe('4gfFC3')
})

test('no digit of base62 is more frequent than another', () => {
  const counts = new Map<string, number>()
  for (const digit of Array.from({ length: 100 }, () => randomBase62(6200)).join(''))
    counts.set(digit, (counts.get(digit) ?? 0) + 1)
  expect(counts.size).toBe(62)
  // With bytes taken modulo 62, the first eight digits would come 12,100 times each; the deviation is 100
  for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(700)
})

describe('what is no key of this registry is told by its form', () => {
  const { key } = format.make()

  test.each([
    ['nothing', ''],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln'],
    ['64 hexadecimal digits', 'a'.repeat(64)],
    ['the key in small letters', key.toLowerCase()],
    ['the key in capitals', key.toUpperCase()],
    ['the key without its end', key.slice(0, -1)],
    ['the key and more', `${key}0`],
    ['the key with a blank', ` ${key}`],
    ['the key with a line break', `${key}\n`],
    ['the key with a padding', `${key}=`],
    ['a Cyrillic letter that looks like one of the prefix', key.replace('c', 'с')],
    ['a digit of another script', key.replace(/\d$/, '٣').replace(/[A-Za-z]$/, 'а')],
    ['a key of another prefix', keyFormat('acme').make().key],
    ['a key of another environment', keyFormat('mcpg_test').make().key],
    ['a megabyte', `mcpg_${'a'.repeat(1_000_000)}`],
  ])('%s', (_, text) => {
    expect(format.read(text)).toBeUndefined()
  })

  test('a key with any one or two characters changed', () => {
    const place = fc.integer({ min: 0, max: 55 })
    const other = fc.constantFrom(...alphabet, '_')
    fc.assert(
      fc.property(place, other, place, other, (first, one, second, two) => {
        const { key } = format.make()
        const changed = [...key]
        changed[first] = one
        changed[second] = two
        const text = changed.join('')
        return (format.read(text) !== undefined) === (text === key)
      }),
      { numRuns: 2000 },
    )
  })

  test('a key whose look-alike letters were mixed up', () => {
    for (const [one, two] of ['O0', '0O', 'lI', 'Il', '1l', 'l1', 'S5', 'B8'].map((pair) => [...pair] as string[])) {
      const { key } = format.make()
      const at = key.indexOf(one as string, 5)
      if (at !== -1) expect(format.read(key.slice(0, at) + two + key.slice(at + 1))).toBeUndefined()
    }
  })
})

test('an environment tag is a part of the prefix', () => {
  const tagged = keyFormat('acme_test')
  const { id, key } = tagged.make()
  expect(key).toMatch(/^acme_test_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}$/)
  expect(tagged.read(key)).toBe(id)
  expect(keyFormat('acme').read(key)).toBeUndefined()
})

test('what looks like a key of ours is told from what does not', () => {
  expect(format.isAlike('mcpg_anything')).toBe(true)
  expect(format.isAlike('MCPG_anything')).toBe(false)
  expect(format.isAlike('mcpgx')).toBe(false)
})

test.each(['', 'm', 'Mcpg', '1ab', 'mcpg_', 'mc-pg', 'a_b', 'mcpg_test_more', `a${'b'.repeat(16)}`, 7, undefined])(
  'the prefix %j is refused with the name of the option',
  (value) => {
    expect(() => prefixType(value, 'createApiKeys: prefix')).toThrow(/createApiKeys: prefix/)
  },
)
