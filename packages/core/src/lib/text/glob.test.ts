import fc from 'fast-check'
import { expect, test } from 'vitest'
import { glob } from './glob.js'

test.each([
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['*', 'a/b\nc', true],
  ['a', 'a', true],
  ['a', 'A', false],
  ['a*', 'a', true],
  ['*a', 'ba', true],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['ab*ba', 'aba', false],
  ['*b*', 'abc', true],
  ['a*b*c', 'axbxc', true],
  ['a*b*c', 'axcxb', false],
  ['a*bc*c', 'abc', false],
  ['a**c', 'abc', true],
  ['a.c', 'abc', false],
  ['[a]', 'a', false],
  ['note://*', 'note://a/b', true],
])('%s and %j: %s', (pattern, text, fits) => {
  expect(glob(pattern)(text)).toBe(fits)
})

test('it says what a regular expression of the same meaning says', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
  fc.assert(
    fc.property(letters, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 }), (pattern, text) => {
      expect(glob(pattern)(text)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 's').test(text))
    }),
  )
})

test('a pattern of many stars takes no more than linear time', () => {
  expect(glob('*a'.repeat(1000))(`${'a'.repeat(999_999)}b`)).toBe(false)
  expect(glob(`${'*a*b'.repeat(500)}*c*`)('ab'.repeat(500_000))).toBe(false)
})
