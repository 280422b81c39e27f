import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GatewayError } from '../contract/gateway-error.js'
import { parseMessage } from './parse-message.js'

const bytes = (text: string) => new TextEncoder().encode(text)
const filler = 'x'.repeat(40_000)

test.each([
  ['{"jsonrpc":"2.0","id":1,"method":"ping"}', { kind: 'request', id: 1, method: 'ping' }],
  ['{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"x"}}', { kind: 'request', id: 'a', name: 'x' }],
  ['{"jsonrpc":"2.0","method":"notifications/initialized"}', { kind: 'notification' }],
  ['{"jsonrpc":"2.0","id":0,"result":{}}', { kind: 'response', id: 0 }],
  ['{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}', { kind: 'response', id: null }],
  ['{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}}', { kind: 'response', id: null }],
  ['{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a://b"}}', { name: 'a://b' }],
  ['{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"t"}}', { name: 't' }],
])('reads the envelope of %s', (text, expected) => {
  expect(parseMessage(bytes(text))).toMatchObject(expected)
})

test.each([
  '',
  'null',
  '1',
  '[]',
  '{}',
  '{"id":1,"method":"ping"}',
  '{"jsonrpc":"1.0","id":1,"method":"ping"}',
  '{"jsonrpc":"2.0","id":null,"method":"ping"}',
  '{"jsonrpc":"2.0","id":{},"method":"ping"}',
  '{"jsonrpc":"2.0","id":1,"method":1}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
  '{"jsonrpc":"2.0","result":{}}',
  '\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}',
])('refuses %j', (text) => {
  expect(() => parseMessage(bytes(text))).toThrow(GatewayError)
})

test('refuses bytes that are not UTF-8', () => {
  expect(() => parseMessage(Uint8Array.of(0x22, 0xff, 0x22))).toThrow('UTF-8')
})

test.each([
  ['2026-07-28', 'modern'],
  ['2025-11-25', 'legacy'],
  ['2024-11-05', 'legacy'],
  ['DRAFT', 'legacy'],
  ['2030-01-01', 'modern'],
])('revision %s is of the %s era', (protocolVersion, era) => {
  expect(parseMessage(bytes('{"jsonrpc":"2.0","id":1,"method":"ping"}'), { protocolVersion }).era).toBe(era)
})

test('the revision is the one of the option, of _meta, of initialize, or 2025-03-26 [L8]', () => {
  const declared =
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}'
  const initialize = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}'
  expect(parseMessage(bytes(declared)).protocolVersion).toBe('2026-07-28')
  expect(parseMessage(bytes(declared), { protocolVersion: '2025-11-25' }).protocolVersion).toBe('2025-11-25')
  expect(parseMessage(bytes(initialize)).protocolVersion).toBe('2025-06-18')
  expect(parseMessage(bytes('{"jsonrpc":"2.0","id":1,"method":"ping"}')).protocolVersion).toBe('2025-03-26')
})

test.each(['2025-11-25', '2026-07-28', '2099-01-01', 'DRAFT'])(
  'initialize that names %s in its parameters or its header is of the legacy era, since it asks for a session',
  (version) => {
    const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: version } })
    expect(parseMessage(bytes(text)).era).toBe('legacy')
    expect(parseMessage(bytes(text), { protocolVersion: version }).era).toBe('legacy')
    const asked = parseMessage(bytes(text.replace('initialize', 'ping')), { protocolVersion: '2026-07-28' })
    expect(asked.era).toBe('modern')
  },
)

test('initialize that is declared as a request of the modern era is one', () => {
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { _meta } })
  expect(parseMessage(bytes(text)).era).toBe('modern')
})

test('with() replaces the content and keeps the revision', () => {
  const message = parseMessage(bytes('{"jsonrpc":"2.0","id":1,"method":"ping"}'), { protocolVersion: '2025-06-18' })
  const changed = message.with({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  expect(changed).toMatchObject({ kind: 'request', method: 'tools/list', protocolVersion: '2025-06-18' })
  expect(new TextDecoder().decode(changed.bytes)).toBe('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
})

test.each([
  `{"jsonrpc":"2.0","id":7,"result":{"text":"${filler}"}}`,
  `{"id":"seven","jsonrpc":"2.0","result":{"text":"${filler}"}}`,
  `{"result":{"text":"${filler}"},"jsonrpc":"2.0","id":7}`,
  `{ "jsonrpc": "2.0", "result": {"text":"${filler}"}, "id": "a b" }\n`,
  `{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"${filler}"}}`,
])('a large response is read without being parsed: %.40s', (text) => {
  const broken = text.replace(filler, `${filler}\\q`)
  const message = parseMessage(bytes(broken))
  expect(message).toMatchObject({ kind: 'response' })
  expect([7, 'seven', 'a b']).toContain(message.id)
  expect(() => message.json()).toThrow(GatewayError)
})

test('a large request is parsed', () => {
  const text = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"n","arguments":{"a":"${filler}"}}}`
  expect(parseMessage(bytes(text))).toMatchObject({ kind: 'request', id: 7, name: 'n' })
})

const id = fc.oneof(fc.string(), fc.integer())
const spaces = fc.constantFrom('', ' ', '\n', '\t ', '\r\n')

test('finds the id of any large response, wherever it stands and whatever is in the result', () => {
  const response = fc
    .tuple(
      id,
      fc.jsonValue(),
      fc.boolean(),
      spaces,
      fc.constantFrom<[number, number, number]>([0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]),
    )
    .map(([id, value, isError, space, order]) => {
      const body = isError
        ? { code: 1, message: 'm', data: [value, filler] }
        : { value, filler, id: 'not this', tail: value }
      const members = [
        `"jsonrpc"${space}:${space}"2.0"`,
        `"id"${space}:${space}${JSON.stringify(id)}`,
        `"${isError ? 'error' : 'result'}"${space}:${space}${JSON.stringify(body)}`,
      ]
      return { id, text: `{${space}${order.map((index) => members[index]).join(`${space},${space}`)}${space}}` }
    })
  fc.assert(
    fc.property(response, ({ id, text }) => {
      const message = parseMessage(bytes(text))
      expect(message.kind).toBe('response')
      expect(message.id).toBe(id)
    }),
    { numRuns: 300 },
  )
})

test('never throws anything but a GatewayError, whatever the bytes', () => {
  const near = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map(bytes),
    fc
      .record(
        { jsonrpc: fc.constant('2.0'), id: fc.jsonValue(), method: fc.jsonValue(), params: fc.jsonValue() },
        { requiredKeys: [] },
      )
      .map((value) => bytes(JSON.stringify(value))),
  )
  fc.assert(
    fc.property(near, (input) => {
      try {
        const message = parseMessage(input)
        expect(message.bytes).toBe(input)
        expect(JSON.parse(new TextDecoder().decode(input))).toEqual(message.json())
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError)
      }
    }),
    { numRuns: 1000 },
  )
})
