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

/** Names as a client may write them, with what a reader takes them for that folds case and ends names at a NUL. */
const spelt = fc.constantFrom(
  ...[
    ['name', 'name'],
    ['NAME', 'name'],
    ['n\\u0061me', 'name'],
    ['name\\u0000x', 'name'],
    ['_meta', '_meta'],
    ['_Meta', '_meta'],
    ['params', 'params'],
    ['io.modelcontextprotocol/protocolVersion', 'io.modelcontextprotocol/protocolversion'],
    ['own', 'own'],
    ['OWN', 'own'],
    ['own\\u0000', 'own'],
    ['other', 'other'],
  ].map(([raw = '', folded = '']) => ({ raw, folded, read: JSON.parse(`"${raw}"`) as string })),
)
interface Tree {
  readonly members: readonly { readonly name: { raw: string; folded: string; read: string }; readonly value: Tree }[]
}
const tree = (depth: number): fc.Arbitrary<Tree> => {
  const value = depth === 0 ? fc.constant<Tree>({ members: [] }) : tree(depth - 1)
  return fc.record({ members: fc.array(fc.record({ name: spelt, value }), { maxLength: depth === 0 ? 12 : 3 }) })
}

const written = ({ members }: Tree): string =>
  members.length === 0 ? '1' : `{${members.map(({ name, value }) => `"${name.raw}":${written(value)}`).join()}}`

/** The same rule, told plainly: names are compared as they are cut at a NUL, and folded where the protocol has names. */
const protocol: Readonly<Record<string, readonly string[]>> = {
  message: ['params'],
  params: ['name', '_meta'],
  _meta: ['io.modelcontextprotocol/protocolVersion'],
}
function isFlawed({ members }: Tree, place: string | undefined): boolean {
  const own = place === undefined ? undefined : protocol[place]
  const names = members.map(({ name }) => name)
  const compared = names.map(({ folded, read }) => (own === undefined ? read.replace(/\0.*/, '') : folded))
  if (new Set(compared).size < compared.length) return true
  const isMisspelt = names.some(({ folded, read }) => own?.some((one) => one.toLowerCase() === folded && one !== read))
  return (
    isMisspelt || members.some(({ name, value }) => isFlawed(value, own?.includes(name.read) ? name.read : undefined))
  )
}

test('finds a name that is there twice, or that is like one of the protocol, at any place and in any number', () => {
  fc.assert(
    fc.property(tree(4), (value) => {
      expect(checkJson(written(value), 100) !== undefined).toBe(isFlawed(value, 'message'))
    }),
    { numRuns: 3000 },
  )
})

test('reads over strings of any length and with any escapes', () => {
  const part = fc.constantFrom('a', '\\"', '\\\\', ':', '{', ',', 'x'.repeat(70))
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
      expect(checkJson(`{"a":"${parts.join('')}","b":1}`, 1)).toBeUndefined()
      expect(checkJson(`{"a":"${parts.join('')}","a":1}`, 1)).toContain('"a"')
    }),
  )
})
