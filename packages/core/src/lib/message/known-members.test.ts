import fc from 'fast-check'
import { expect, test } from 'vitest'
import { withoutMembers, withoutSpans } from '../json/without-members.js'
import { type KnownMember, knownMembers, named, scanKnownMembers } from './known-members.js'
import { parseMessage } from './parse-message.js'

const encode = (text: string) => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const request =
  '{ "jsonrpc":"2.0","id" : 9007199254740993,"method":"tools/call","params": {"name":"ü","arguments":{"name":1},"_meta":{"progressToken":"p","own":{"progressToken":2}}}}'

/** What was found, as it is written. */
function written(bytes: Uint8Array, members: readonly KnownMember[]): unknown {
  return members.map(({ from, start, end, ...one }) => {
    expect(decode(bytes.subarray(from, start))).toMatch(/^"[^"]*"\s*:\s*$/)
    const inner = one.members.length === 0 ? [] : [written(bytes, one.members)]
    return [one.name, decode(bytes.subarray(start, end)), ...inner]
  })
}

test('finds the members that the protocol has names for, and no others', () => {
  const bytes = encode(request)
  expect(written(bytes, scanKnownMembers(bytes))).toEqual([
    ['jsonrpc', '"2.0"'],
    ['id', '9007199254740993'],
    ['method', '"tools/call"'],
    [
      'params',
      '{"name":"ü","arguments":{"name":1},"_meta":{"progressToken":"p","own":{"progressToken":2}}}',
      [
        ['name', '"ü"'],
        ['arguments', '{"name":1}'],
        ['_meta', '{"progressToken":"p","own":{"progressToken":2}}', [['progressToken', '"p"']]],
      ],
    ],
  ])
})

test('a message of ours is looked through once, and one that was made by hand each time', () => {
  const message = parseMessage(encode(request))
  expect(knownMembers(message)).toBe(knownMembers(message))
  const own = { bytes: message.bytes, kind: message.kind, json: () => message.json(), with: () => message }
  expect(knownMembers(own)).toEqual(knownMembers(message))
})

test('what a transform makes of a message has members of its own', () => {
  const message = parseMessage(encode(request))
  knownMembers(message)
  const changed = message.with({ jsonrpc: '2.0', id: 7, method: 'ping' })
  const id = named(knownMembers(changed), 'id')
  expect(decode(changed.bytes.subarray(id?.start, id?.end))).toBe('7')
})

test('of members with one name the last one counts, as JSON.parse takes it', () => {
  const bytes = encode('{"id":1,"\\u0069d":2}')
  const id = named(scanKnownMembers(bytes), 'id')
  expect(decode(bytes.subarray(id?.start, id?.end))).toBe('2')
})

test.each(['', 'null', '[]', '{', '"', '{"params":1}', '{"params":[{"_meta":{}}]}'])('ends on %j', (text) => {
  expect(scanKnownMembers(encode(text)).every(({ members }) => members.length === 0)).toBe(true)
})

test('members are cut out of an object as if they were looked for, wherever they stand', () => {
  const names = fc.array(fc.constantFrom('_meta', 'inputResponses', 'requestState', 'a', 'b', 'name'), { maxLength: 6 })
  const space = fc.constantFrom('', '', ' ', '\n ')
  fc.assert(
    fc.property(names, space, (all, between) => {
      const members = all.map((name, at) => `${between}"${name}"${between}:${between}{"x":[${at}, 1]}${between}`)
      const params = `{${members.join(',') || between}}`
      const bytes = encode(`{"method":"m","params":${params}}`)
      const found = named(scanKnownMembers(bytes), 'params') as KnownMember
      const isCut = (name: string) => name === '_meta' || name === 'requestState'
      const cut = withoutSpans(
        bytes,
        found,
        found.members.filter(({ name }) => isCut(name)),
      )
      expect(decode(cut)).toBe(decode(withoutMembers(encode(params), isCut)))
    }),
    { numRuns: 1000 },
  )
})
