import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GatewayError } from '../contract/gateway-error.js'
import type { Context, Handler } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import { compose } from '../http/compose.js'
import { decodeHeaderValue } from '../protocol/header-value.js'
import { type MessageOptions, message } from './message-middleware.js'

const encoder = new TextEncoder()

interface Sent {
  readonly response: Response
  /** What the handler behind got. */
  readonly messages: Message[]
}

async function send(
  body: BodyInit | null,
  headers: Record<string, string> = {},
  options?: MessageOptions,
  answer: Handler = () => new Response(null, { status: 202 }),
): Promise<Sent> {
  const messages: Message[] = []
  const handler = compose([message(options)], (request, context) => {
    if (context.message !== undefined) messages.push(context.message)
    return answer(request, context)
  })
  const request = new Request('https://mcp.example.com/mcp', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body,
    duplex: 'half',
  } as RequestInit)
  return { response: await handler(request, {}), messages }
}

async function errorOf({
  response,
  messages,
}: Sent): Promise<{ status: number; code: number; id: unknown; data: unknown }> {
  expect(messages).toEqual([])
  const { error, id } = (await response.json()) as { error: { code: number; data?: unknown }; id: unknown }
  return { status: response.status, code: error.code, id, data: error.data }
}

const version = 'io.modelcontextprotocol/protocolVersion'
const capabilities = 'io.modelcontextprotocol/clientCapabilities'

function modern(method: string, params: Record<string, unknown> = {}, meta: Record<string, unknown> = {}): string {
  const _meta = { [version]: '2026-07-28', [capabilities]: {}, ...meta }
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } })
}

const modernHeaders = (method: string, name?: string): Record<string, string> => ({
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': method,
  ...(name === undefined ? {} : { 'Mcp-Name': name }),
})

test('hands on the bytes as they came: numbers, escapes, order and white space', async () => {
  const body =
    ' {"params":{"arguments":{"n":12345678901234567890,"s":"\\u00e9"},"name":"x"},\n"id":1,"method":"tools/call","jsonrpc":"2.0"} '
  const { messages } = await send(body)
  expect(new TextDecoder().decode(messages[0]?.bytes)).toBe(body)
  expect(messages[0]).toMatchObject({ kind: 'request', id: 1, method: 'tools/call', name: 'x', era: 'legacy' })
})

test('other methods than POST pass untouched', async () => {
  const handler = compose([message()], (_request, context: Context) => Response.json(context.message ?? 'none'))
  const response = await handler(new Request('https://mcp.example.com/mcp'), {})
  expect(await response.json()).toBe('none')
})

test.each([
  ['text/plain', {}],
  ['application/jsonp', {}],
  ['application/json', { 'Content-Encoding': 'gzip' }],
])('a body of type %s with %j is 415', async (type, headers) => {
  const { response, messages } = await send('{}', { 'Content-Type': type, ...headers })
  expect(response.status).toBe(415)
  expect(messages).toEqual([])
})

test('a charset does not disturb', async () => {
  const { response } = await send('{"jsonrpc":"2.0","method":"x"}', {
    'Content-Type': 'Application/JSON; charset=utf-8',
  })
  expect(response.status).toBe(202)
})

test('a body over the limit is 413, whether declared or not, and is not read on [attack 157]', async () => {
  const declared = await send('x'.repeat(2000), { 'Content-Length': '2000' }, { maxBytes: 1000 })
  expect(declared.response.status).toBe(413)
  let pulled = 0
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled++
      controller.enqueue(new Uint8Array(400))
    },
  })
  const { response, messages } = await send(endless, {}, { maxBytes: 1000 })
  expect(response.status).toBe(413)
  expect(messages).toEqual([])
  expect(pulled).toBeLessThan(6)
})

test.each([
  ['{', -32700],
  ['', -32700],
  ['\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}', -32700],
  ['{"jsonrpc":"2.0","id":1,"method":"ping","id":2}', -32600],
  ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}', -32600],
  [`{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":${'['.repeat(100)}${']'.repeat(100)}}}`, -32600],
  ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
])('a body that could be read in two ways, or not at all, is 400: %.60s [attack 157]', async (body, code) => {
  expect(await errorOf(await send(body))).toMatchObject({ status: 400, code })
})

test('a body that is not UTF-8 is 400', async () => {
  expect(await errorOf(await send(Uint8Array.of(0x22, 0xff, 0x22)))).toMatchObject({ status: 400, code: -32700 })
})

test('limits that are not positive are refused at construction', () => {
  expect(() => message({ maxBytes: 0 })).toThrow(GatewayError)
})

test.each(['banana', '1999-01-01', '2031-01-01'])(
  'a request of revision %s is 400 and told what is served [M7, L8]',
  async (requested) => {
    const body = '{"jsonrpc":"2.0","id":5,"method":"tools/list"}'
    const error = await errorOf(await send(body, { 'MCP-Protocol-Version': requested }))
    expect(error).toMatchObject({ status: 400, code: -32022, id: 5, data: { requested } })
    expect((error.data as { supported: string[] }).supported).toContain('2026-07-28')
  },
)

test('a request that declares its revision in itself is offered modern ones alone [M7]', async () => {
  const _meta = { 'io.modelcontextprotocol/protocolVersion': 'v999.0.0' }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'server/discover', params: { _meta } })
  const error = await errorOf(await send(body, { 'MCP-Protocol-Version': 'v999.0.0' }))
  expect(error).toMatchObject({ status: 400, code: -32022, data: { supported: ['2026-07-28'] } })
})

test('a request without the header is taken for 2025-03-26 [M12, L8]', async () => {
  const { messages } = await send('{"jsonrpc":"2.0","id":1,"method":"ping"}')
  expect(messages[0]).toMatchObject({ era: 'legacy', protocolVersion: '2025-03-26' })
})

test('a response and a notification pass in the legacy era [L1]', async () => {
  const response = await send('{"jsonrpc":"2.0","id":1,"result":{}}', { 'MCP-Protocol-Version': '2025-11-25' })
  const notification = await send('{"jsonrpc":"2.0","method":"notifications/initialized"}')
  expect(response.messages[0]?.kind).toBe('response')
  expect(notification.messages[0]?.kind).toBe('notification')
})

test('a well-formed modern request passes, whatever the case of header names and the space around values [M8]', async () => {
  const { messages } = await send(modern('tools/call', { name: 'Add' }), {
    'mcp-protocol-version': '2026-07-28',
    'MCP-METHOD': ' tools/call ',
    'mcp-name': ' Add ',
  })
  expect(messages[0]).toMatchObject({ era: 'modern', method: 'tools/call', name: 'Add' })
})

test.each([
  ['[M4]', 'a response', '{"jsonrpc":"2.0","id":1,"result":{}}', { 'MCP-Protocol-Version': '2026-07-28' }, -32600],
  ['[M4]', 'a batch', `[${modern('ping')}]`, modernHeaders('ping'), -32600],
  ['[M6]', 'no version header', modern('tools/list'), { 'Mcp-Method': 'tools/list' }, -32020],
  [
    '[M6]',
    'an older version header',
    modern('tools/list'),
    { ...modernHeaders('tools/list'), 'MCP-Protocol-Version': '2025-11-25' },
    -32020,
  ],
  [
    '[M6]',
    'a version in the body that differs',
    modern('tools/list', {}, { [version]: '2025-11-25' }),
    modernHeaders('tools/list'),
    -32020,
  ],
  ['[M8]', 'no method header', modern('tools/list'), { 'MCP-Protocol-Version': '2026-07-28' }, -32020],
  ['[M8]', 'another method header', modern('tools/list'), modernHeaders('tools/call'), -32020],
  ['[M8]', 'a method header of other case', modern('tools/list'), modernHeaders('Tools/List'), -32020],
  ['[M8]', 'two method headers', modern('tools/list'), modernHeaders('tools/list, tools/list'), -32020],
  ['[M8]', 'no name header', modern('tools/call', { name: 'a' }), modernHeaders('tools/call'), -32020],
  ['[M8]', 'another name header', modern('tools/call', { name: 'a' }), modernHeaders('tools/call', 'b'), -32020],
  ['[M8]', 'another uri', modern('resources/read', { uri: 'a://b' }), modernHeaders('resources/read', 'a://c'), -32020],
  ['[M8]', 'another prompt', modern('prompts/get', { name: 'a' }), modernHeaders('prompts/get', 'b'), -32020],
  ['[M8]', 'another task', modern('tasks/get', { taskId: 'a' }), modernHeaders('tasks/get', 'b'), -32020],
  ['[M8]', 'a name header without a name', modern('tools/call'), modernHeaders('tools/call', 'a'), -32020],
  ['[M9]', 'broken base64', modern('tools/call', { name: 'a' }), modernHeaders('tools/call', '=?base64?%%%?='), -32020],
  ['[M11]', 'no _meta version', modern('ping', {}, { [version]: undefined }), modernHeaders('ping'), -32602],
  ['[M11]', 'no capabilities', modern('ping', {}, { [capabilities]: undefined }), modernHeaders('ping'), -32602],
])('modern: %s %s is 400 and names the request', async (_id, _what, body, headers, code) => {
  expect(await errorOf(await send(body, headers))).toMatchObject({ status: 400, code })
})

test('a name header in base64 is compared decoded [M9]', async () => {
  const name = 'räksmörgås'
  const encoded = `=?base64?${btoa(String.fromCharCode(...encoder.encode(name)))}?=`
  const { messages } = await send(modern('tools/call', { name }), modernHeaders('tools/call', encoded))
  expect(messages[0]?.name).toBe(name)
  const upper = await send(
    modern('tools/call', { name }),
    modernHeaders('tools/call', encoded.replace('base64', 'BASE64')),
  )
  expect(await errorOf(upper)).toMatchObject({ code: -32020 })
})

test('every name survives the encoding, and nothing but itself [M9]', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const wellFormed = new TextDecoder().decode(encoder.encode(name))
      const encoded = `=?base64?${btoa(Array.from(encoder.encode(wellFormed), (byte) => String.fromCharCode(byte)).join(''))}?=`
      expect(decodeHeaderValue(encoded)).toBe(wellFormed)
    }),
  )
})

test('a modern request passes only if headers and body say the same [M6, M8]', async () => {
  const word = fc.constantFrom('tools/call', 'tools/list', 'prompts/get', 'TOOLS/CALL', 'x')
  const name = fc.constantFrom('a', 'A', 'b', undefined)
  const revision = fc.constantFrom('2026-07-28', '2025-11-25', undefined)
  await fc.assert(
    fc.asyncProperty(
      word,
      word,
      name,
      name,
      revision,
      revision,
      async (method, header, inBody, inHeader, sent, declared) => {
        const headers: Record<string, string> = { 'Mcp-Method': header }
        if (inHeader !== undefined) headers['Mcp-Name'] = inHeader
        if (sent !== undefined) headers['MCP-Protocol-Version'] = sent
        const { response, messages } = await send(modern(method, { name: inBody }, { [version]: declared }), headers)
        if (messages[0]?.era === 'modern') {
          expect(sent).toBe('2026-07-28')
          expect(declared).toBe('2026-07-28')
          expect(header).toBe(method)
          if (method === 'tools/call' || method === 'prompts/get') expect(inHeader).toBe(inBody)
        } else if (response.status === 202) {
          expect(declared).not.toBe('2026-07-28')
          expect(sent).not.toBe('2026-07-28')
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('whatever is posted, the answer is 202 or a JSON-RPC error [attack 157]', async () => {
  const junk = fc.oneof(fc.string(), fc.json(), fc.constantFrom('[', '{}', '[1]', '[{}]', '[[]]'))
  const headers = fc.dictionary(
    fc.constantFrom('MCP-Protocol-Version', 'Mcp-Method', 'Mcp-Name'),
    fc.constantFrom('2026-07-28', '2025-03-26', 'tools/call', '=?base64?AA==?=', '\t', 'é'),
  )
  await fc.assert(
    fc.asyncProperty(junk, headers, async (body, extra) => {
      const { response } = await send(body, extra)
      if (response.status === 202) return
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ jsonrpc: '2.0', error: { code: expect.any(Number) } })
    }),
    { numRuns: 500 },
  )
})
