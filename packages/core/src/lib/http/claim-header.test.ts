import fc from 'fast-check'
import { expect, test } from 'vitest'
import { claimHeader, claimListHeader, longestClaimHeader } from './claim-header.js'

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })

test('every claim comes back by decodeURIComponent, and fits into a header [attack 141]', () => {
  fc.assert(
    fc.property(text, (claim) => {
      const value = claimHeader(claim) ?? ''
      expect(decodeURIComponent(value)).toBe(claim)
      expect(value).toMatch(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/)
      expect(new Headers({ a: value }).get('a')).toBe(value)
    }),
  )
})

test.each([
  ['a\r\nX-Roles: admin', 'a%0D%0AX-Roles: admin'],
  ['{remote_host}', '%7Bremote_host%7D'],
  ['100%', '100%25'],
  ['Doe, Jane', 'Doe%2C Jane'],
  [' Ada ', '%20Ada%20'],
  ['\u0000', '%00'],
  ['名', '%E5%90%8D'],
  ['-', '%2D'],
  ['--', '--'],
  ['a-b', 'a-b'],
])('the claim %j is written %j [attack 141]', (claim, value) => {
  expect(claimHeader(claim)).toBe(value)
})

test.each([[''], [undefined], [null], [7], [['ada']], [{}]])('%j is no claim to write', (claim) => {
  expect(claimHeader(claim)).toBeUndefined()
})

test('the items of a list come back by splitting it at its separator', () => {
  for (const separator of [',', ' '] as const) {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (items) => {
        const value = claimListHeader(items, separator) ?? ''
        expect(value.split(separator).map(decodeURIComponent)).toEqual(items)
      }),
    )
  }
})

test('what is no text is left out of a list, and a list without text is none', () => {
  expect(claimListHeader(['a', 7, '', null, 'b'], ',')).toBe('a,b')
  expect(claimListHeader(['-'], ',')).toBe('%2D')
  for (const none of [[], [''], [7], 'admin', undefined]) expect(claimListHeader(none, ' ')).toBeUndefined()
})

test('a value that is too long is not written anew, and stays too long', () => {
  const long = '名'.repeat(longestClaimHeader + 1)
  expect(claimHeader(long)).toBe(long)
  expect(claimListHeader([long], ',')?.length).toBeGreaterThan(longestClaimHeader)
})
