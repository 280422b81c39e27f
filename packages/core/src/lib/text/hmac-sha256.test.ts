import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hmacSha256 } from './hmac-sha256.js'

const bytes = (text: string) => new TextEncoder().encode(text)

test.each([
  [new Uint8Array(20).fill(0x0b), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  [bytes('Jefe'), 'what do ya want for nothing?', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
  [
    new Uint8Array(131).fill(0xaa),
    'Test Using Larger Than Block-Size Key - Hash Key First',
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
])('makes the HMAC of RFC 4231 for the text %2$s', (key, text, expected) => {
  expect(hmacSha256(key, text)).toBe(expected)
})

test('agrees with the HMAC of Node, whatever the key and the text', () => {
  const unit = fc.string({ unit: 'grapheme', maxLength: 300 })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), unit, (key, text) => {
      expect(hmacSha256(key, text)).toBe(createHmac('sha256', key).update(text, 'utf8').digest('hex'))
    }),
  )
})

test.each([0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 128])('pads a text of %i bytes as FIPS 180-4 says', (length) => {
  const text = 'a'.repeat(length)
  expect(hmacSha256(bytes('key'), text)).toBe(createHmac('sha256', 'key').update(text).digest('hex'))
})
