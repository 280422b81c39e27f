import { member, scanObject } from '@mcp-gateway/core/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readChildLine, readOverlong } from './child-message.js'
import { clientSpans } from './client-message.js'
import { splice, toLine } from './splice.js'

const spaced = fc.constantFrom(undefined, 1, 2, '\t')
const object = fc.dictionary(fc.string(), fc.jsonValue())

test('finds each member of an object where it is', () => {
  fc.assert(
    fc.property(object, spaced, (value, space) => {
      const bytes = Buffer.from(JSON.stringify(value, null, space))
      const found: [string, unknown][] = []
      const end = scanObject(bytes, 0, (key, { start, end }) => {
        found.push([key, JSON.parse(bytes.toString('utf8', start, end))])
      })
      expect(end).toBe(bytes.length)
      expect(found).toEqual(Object.entries(JSON.parse(bytes.toString())))
    }),
  )
})

test('ends on any bytes at all', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const buffer = Buffer.concat([Buffer.from('{'), bytes])
      scanObject(buffer, 0, () => {})
      member(buffer, { start: 0, end: buffer.length }, 'id')
      readChildLine(buffer)
    }),
  )
})

const message = fc.record({
  id: fc.oneof(fc.integer(), fc.string()),
  token: fc.option(fc.oneof(fc.integer(), fc.string()), { nil: undefined }),
  args: object,
  space: spaced,
  idFirst: fc.boolean(),
})

test('[L10] an id and a token are replaced and put back, and no other byte changes', () => {
  fc.assert(
    fc.property(message, ({ id, token, args, space, idFirst }) => {
      const params = {
        name: 't',
        arguments: args,
        _meta: { a: 1, progressToken: token, b: { progressToken: 'no', id: 'no' } },
      }
      const json = idFirst
        ? { jsonrpc: '2.0', id, method: 'tools/call', params }
        : { method: 'tools/call', params, id, jsonrpc: '2.0' }
      const bytes = Buffer.from(JSON.stringify(json, null, space))
      const spans = clientSpans(bytes)
      expect(JSON.parse(bytes.toString('utf8', spans.id?.start, spans.id?.end))).toEqual(JSON.parse(JSON.stringify(id)))
      expect(spans.progressToken === undefined).toBe(token === undefined)
      const own = Buffer.from('4711')
      const edits = [spans.id, spans.progressToken].flatMap((span) =>
        span === undefined ? [] : [{ ...span, bytes: own }],
      )
      const line = toLine(bytes, edits)
      expect(line.indexOf(0x0a)).toBe(line.length - 1)
      const seen = JSON.parse(line.toString())
      expect(seen).toEqual(
        JSON.parse(
          JSON.stringify({
            ...json,
            id: 4711,
            params: { ...params, _meta: { ...params._meta, ...(token === undefined ? {} : { progressToken: 4711 }) } },
          }),
        ),
      )
      const back = clientSpans(line)
      const raw = (span: typeof spans.id) =>
        span === undefined ? Buffer.alloc(0) : bytes.subarray(span.start, span.end)
      const restored = splice(line.subarray(0, -1), [
        ...(back.id === undefined ? [] : [{ ...back.id, bytes: raw(spans.id) }]),
        ...(back.progressToken === undefined ? [] : [{ ...back.progressToken, bytes: raw(spans.progressToken) }]),
      ])
      expect(restored.toString()).toBe(bytes.toString().replaceAll(/[\r\n]/g, ' '))
    }),
  )
})

test.each([
  ['{"jsonrpc":"2.0","id":12,"result":{"a":"', '"}}'],
  ['{"id":12,"jsonrpc":"2.0","result":{"a":"', '"}}'],
  ['{"result":{"a":"', '"},"jsonrpc":"2.0","id":12}'],
  ['{"result":{"a":"', '"},"id":12,"jsonrpc":"2.0"}'],
  ['{"jsonrpc":"2.0","result":{"a":"', '"},"id":12}'],
  ['{ "jsonrpc" : "2.0" , "result" : {"x":[{"id":1}],"a":"', '"} , "id" : 12 }'],
  ['{"jsonrpc":"2.0","id":12,"error":{"code":-1,"message":"', '"}}'],
])('finds the id of an answer of any size in %s…%s', (head, tail) => {
  for (const filling of ['', 'x'.repeat(20_000), '\\",\\"id\\":99}'.repeat(2000)]) {
    const line = Buffer.from(head + filling + tail)
    const [message, ...rest] = readChildLine(line)
    expect(rest).toEqual([])
    expect(message?.kind).toBe('response')
    expect(line.toString('utf8', message?.id?.start, message?.id?.end)).toBe('12')
  }
})

test('an error is told from a result at any size', () => {
  for (const size of [1, 20_000]) {
    const [message] = readChildLine(
      Buffer.from(`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"${'m'.repeat(size)}"}}`),
    )
    expect(message?.error).toBeDefined()
  }
})

test.each([
  'not JSON',
  '{',
  '"text"',
  '42',
  'null',
  '{}',
  '[]',
  '{"jsonrpc":"2.0"}',
  '{"method":5}',
  '{"jsonrpc":"2.0","id":1,"result":{}} trailing',
  `{"jsonrpc":"2.0","id":1,"result":{"a":"${'x'.repeat(20_000)}`,
  `${'x'.repeat(20_000)}`,
])('[S1] %s is no message', (text) => {
  expect(readChildLine(Buffer.from(text))).toEqual([])
})

test('[S1] bytes that are no UTF-8 are no message', () => {
  for (const size of [1, 20_000]) {
    const line = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","id":1,"result":"'),
      Buffer.alloc(size, 0xff),
      Buffer.from('"}'),
    ])
    expect(readChildLine(line)).toEqual([])
  }
})

test('[L1] a batch of a child is taken apart', () => {
  const line = Buffer.from('[{"jsonrpc":"2.0","method":"a"} , {"jsonrpc":"2.0","id":3,"result":[1,{}]}, 5]')
  expect(readChildLine(line).map(({ kind, bytes }) => [kind, bytes.toString()])).toEqual([
    ['notification', '{"jsonrpc":"2.0","method":"a"}'],
    ['response', '{"jsonrpc":"2.0","id":3,"result":[1,{}]}'],
  ])
})

test('the ends of an overlong line tell whose it was', () => {
  const x = Buffer.from('x'.repeat(300))
  expect(readOverlong(Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":7,"result":"'), x]), x)).toBe(7)
  expect(readOverlong(Buffer.from(`{"result":{"${x}`), Buffer.from(`${x}"},"jsonrpc":"2.0","id":8}`))).toBe(8)
  expect(readOverlong(x, x)).toBeUndefined()
})
