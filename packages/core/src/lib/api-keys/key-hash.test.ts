import { createHash, createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { isEqual, keyHasher, peppersType } from './key-hash.js'

const old = { version: '2026', secret: 'an old secret of more than thirty-two characters' }
const current = { version: '2027', secret: 'a new secret of more than thirty-two characters' }
const check = (peppers: unknown) => () => peppersType(peppers, 'createApiKeys: peppers')

test('a key is stored as its SHA-256, or as its HMAC with the version of the pepper', () => {
  expect(keyHasher([]).hash('key')).toBe(`:${createHash('sha256').update('key').digest('hex')}`)
  const expected = createHmac('sha256', current.secret).update('key').digest('hex')
  expect(keyHasher([current, old]).hash('key')).toBe(`2027:${expected}`)
})

test('a hash with an older pepper, or without one, still matches and is known to be old', () => {
  const now = keyHasher([current, old])
  for (const before of [keyHasher([old]), keyHasher([])]) {
    expect(now.matches('key', before.hash('key'))).toBe(true)
    expect(now.matches('kez', before.hash('key'))).toBe(false)
    expect(now.isCurrent(before.hash('key'))).toBe(false)
  }
  expect(now.isCurrent(now.hash('key'))).toBe(true)
})

test('a hash whose pepper was removed matches nothing', () => {
  expect(keyHasher([current]).matches('key', keyHasher([old]).hash('key'))).toBe(false)
  expect(keyHasher([]).matches('key', keyHasher([old]).hash('key'))).toBe(false)
})

test('a hash that is none matches nothing', () => {
  for (const stored of ['', ':', 'x', '2027:']) expect(keyHasher([current]).matches('key', stored)).toBe(false)
})

test('texts are equal only whole', () => {
  expect(isEqual('abc', 'abc')).toBe(true)
  for (const other of ['abd', 'ab', 'abcd', '']) expect(isEqual('abc', other)).toBe(false)
})

test('a pepper that is short, unnamed or named twice is refused, without being repeated', () => {
  expect(check([current, old])).not.toThrow()
  expect(check([{ version: '1', secret: 'short' }])).toThrow(/peppers\[0\]\.secret must have at least 32/)
  expect(check([{ version: 'a b', secret: old.secret }])).toThrow(/peppers\[0\]\.version/)
  expect(check([old, old])).toThrow(/peppers\[1\]\.version is there twice/)
  expect(check('secret')).toThrow(/peppers must not be this string/)
})
