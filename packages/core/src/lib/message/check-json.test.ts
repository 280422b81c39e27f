import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkJson } from './check-json.js'

test.each([
  ['{"method":"a","method":"b"}', 'method'],
  ['{"method":"a","Method":"b"}', 'method'],
  ['{"method":"a","\\u006dethod":"b"}', 'method'],
  ['{"params":{"name":"a","NAME":"b"}}', 'name'],
  ['{"params":{"arguments":{"a":1,"a":2}}}', 'a'],
  ['[{"a":1},{"b":{"c":1,"c" :2}}]', 'c'],
  ['[{"params":1},{"params":{"name":"a","NAME":"b"}}]', 'name'],
  ['{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"a":2}', 'a'],
  ['{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"j":2}', 'j'],
])('finds the member that %s has twice', (text, name) => {
  expect(checkJson(text, 64)).toContain(`"${name}"`)
})

test.each([
  '{"params":{"arguments":{"a":1,"A":2}}}',
  '{"a":"\\"a\\":","b":"{[{["}',
  '[{"a":1},{"a":2}]',
  '{"a":{"a":{"a":1}}}',
  '{"a":["a","a"]}',
])('finds nothing in %s', (text) => {
  expect(checkJson(text, 64)).toBeUndefined()
})

test('counts levels of nesting, and not brackets in strings [attack 157]', () => {
  expect(checkJson('[[[1]]]', 3)).toBeUndefined()
  expect(checkJson('[[[[1]]]]', 3)).toContain('3 levels')
  expect(checkJson('["[[[[[["]', 3)).toBeUndefined()
})

test('agrees with JSON.parse about every document that JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 1), (value, indent) => {
      const text = JSON.stringify({ a: { b: { c: value } } }, null, indent)
      expect(checkJson(text, 100)).toBeUndefined()
    }),
  )
})
