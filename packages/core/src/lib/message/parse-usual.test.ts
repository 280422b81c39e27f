import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countMembers, messageParts } from './message-parts.js'
import { parseMessage } from './parse-message.js'
import { parseUsual } from './parse-usual.js'

const bytes = (text: string) => new TextEncoder().encode(text)

test.each([
  '{"jsonrpc":"2.0","id":1,"result":{}}',
  '{"jsonrpc":"2.0","id":"a-1","error":{"code":1,"message":"} \\" {"}}',
  '{"result":{"a":{"b":[{}]}},"jsonrpc":"2.0","id":0}',
  '{"jsonrpc":"2.0","result":{"a":1},"id":123456789012345}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}',
  '{"method":"tools/call","params":{"name":"x"},"jsonrpc":"2.0","id":1}',
  '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}',
  '{"method":"notifications/progress","params":{"progress":1},"jsonrpc":"2.0"}',
])('reads what programs usually write, and keeps the order of its members: %s', (text) => {
  expect(JSON.stringify(parseUsual(text))).toBe(JSON.stringify(JSON.parse(text)))
})

test.each([
  '',
  '{',
  '}',
  '{}',
  '{"jsonrpc":"2.0","id":,"result":{}}',
  '{"jsonrpc":"2.0","id":01,"result":{}}',
  '{"jsonrpc":"2.0","id":1234567890123456,"result":{}}',
  '{"jsonrpc":"2.0","id":-1,"result":{}}',
  '{"jsonrpc":"2.0","id":1e3,"result":{}}',
  '{"jsonrpc":"2.0","id":"a\n","result":{}}',
  '{"jsonrpc":"2.0","id":"a\\n","result":{}}',
  '{"jsonrpc":"2.0","method":,"params":{}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"id":1}',
  '{"jsonrpc":"2.0","id":1,"result":{},"id":2}',
  '{"jsonrpc":"2.0","id":1,"result":{"a":1},"result":{"a":2}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"jsonrpc":"2.0"}',
  '{"jsonrpc":"2.0","id":1,"result":{},"x":{}}',
  '{"result":{},"jsonrpc":"2.0","id":}',
  '{"result":{},"jsonrpc":"2.0","id":1,}',
  '{"result":{"a":1,},"jsonrpc":"2.0","id":1}',
  '{"result":{"a":"},"jsonrpc":"2.0","id":1}',
  '{"jsonrpc":"2.0","id":1,"result":{}}}',
  '{"jsonrpc":"2.0","id":1,"result":[]}',
  '{"jsonrpc":"2.0","id":1,"__proto__":{}}',
  '{"id":1,"result":{}}',
])('leaves what is written otherwise, is there twice, or is no JSON: %j', (text) => {
  expect(parseUsual(text)).toBeUndefined()
})

const member = fc.constantFrom(
  ...['"jsonrpc":"2.0"', '"id":1', '"id":"x"', '"id":null', '"method":"ping"', '"result":{}', '"params":{"name":"x"}'],
  ...['"error":{"code":1,"message":"\\"}"}', '"result":{"id":1,"a":[{}]}', '"Method":"ping"', '"i\\u0064":2', '"x":{}'],
)
const written = fc
  .tuple(fc.array(member, { maxLength: 6 }), fc.constantFrom(',', ',', ',', ', ', ''), fc.nat(200), fc.string())
  .map(([members, comma, at, noise]) => {
    const text = `{${members.join(comma)}}`
    // Now and then something that does not belong there
    return at < text.length && noise.length < 3 ? text.slice(0, at) + noise + text.slice(at + noise.length) : text
  })

test('whatever is written: it is what JSON.parse reads, and nothing is in it twice or under a similar name', () => {
  fc.assert(
    fc.property(written, (text) => {
      const usual = parseUsual(text)
      if (usual === undefined) return
      expect(usual).toEqual(JSON.parse(text))
      expect(countMembers(bytes(text))).toBe(Object.keys(usual).length)
      const parts = messageParts(bytes(text))
      if ('why' in parts) expect(() => parseMessage(bytes(text))).toThrow(parts.why)
    }),
    { numRuns: 2000 },
  )
})

test('whatever is written: a message has each member of the protocol once, and none that is similar to one', () => {
  fc.assert(
    fc.property(written, (text) => {
      let json: unknown
      try {
        json = JSON.parse(text)
      } catch {
        expect(() => parseMessage(bytes(text))).toThrow()
        return
      }
      const parts = messageParts(bytes(text))
      if ('why' in parts) expect(() => parseMessage(bytes(text))).toThrow()
      else if ((json as { jsonrpc?: unknown }).jsonrpc !== '2.0') expect(() => parseMessage(bytes(text))).toThrow()
      else {
        try {
          expect(parseMessage(bytes(text)).json()).toEqual(json)
        } catch (error) {
          expect(String(error)).toContain('"result" or "error", not both')
        }
      }
    }),
    { numRuns: 2000 },
  )
})

test('counts the members of an object and not those inside of them', () => {
  expect(countMembers(bytes('{"a:":":","b":{"c":[1,{"d":2}]},"a":"\\":"}'))).toBe(3)
  expect(countMembers(bytes(' {} '))).toBe(0)
})
