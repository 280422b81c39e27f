import { expect, test, vi } from 'vitest'
import type { Context, Handler } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import type { RequestRecord } from '../contract/request-record.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { transformResponse } from '../message/transform-response.js'
import { mcpAnswer, mcpRequest } from '../testing/mcp-request.js'
import type { Guard } from './guard.js'
import { type GuardsOptions, guards } from './guards.js'
import { personalData, secrets, size } from './own-guards.js'

const url = 'https://mcp.example.com/notes'
const logger = { debug() {}, info() {}, warn() {}, error() {} }
const key = `ghp_${'a1'.repeat(18)}`
const result = `{"content":[{"type":"text","text":"Mail bob@example.com"}],"structuredContent":{"n":12345678901234567890,"to" : "bob@example.com","bob@example.com":1}}`

function start(list: Guard[], { text = result, isStream = false, more = '' } = {}, options: GuardsOptions = {}) {
  const seen: Message[] = []
  const server: Handler = (_, context) => {
    if (context.message !== undefined) seen.push(context.message)
    const body = `{"jsonrpc":"2.0","id":1,"result":${text}}`
    const type = isStream ? 'text/event-stream' : 'application/json'
    const sent = isStream ? `${more}data: ${body}\n\n` : body
    return transformResponse(context, new Response(sent, { headers: { 'Content-Type': type } }))
  }
  const handle = compose([message(), guards(list, options)], server)
  const record = {} as RequestRecord
  const context: Context = { logger, record }
  const send = (args: object, method = 'tools/call', era: 'legacy' | 'modern' = 'legacy', headers = {}) =>
    handle(
      mcpRequest({ url, method, params: { name: 'mail', uri: 'note://1', arguments: args }, era, headers }),
      context,
    )
  return { send, seen, record, handle, context }
}

const cases = (['legacy', 'modern'] as const).flatMap((era) =>
  [false, true].map((isStream) => [era, isStream] as const),
)

test.each(cases)(
  'masks data of persons in texts and structured content, and keeps the bytes of the rest: %s, stream %s',
  async (era, isStream) => {
    const { send } = start([personalData()], { isStream })
    const text = await (await send({}, 'tools/call', era)).text()
    expect(text).toContain('"text":"Mail [email]"')
    expect(text).toContain('{"n":12345678901234567890,"to" : "[email]","bob@example.com":1}')
  },
)

test.each(cases)('blocks a result, which the model reads: %s, stream %s', async (era, isStream) => {
  const { send, record } = start([personalData({ action: 'block' })], { isStream })
  const response = await send({}, 'tools/call', era)
  expect(response.status).toBe(200)
  expect(await mcpAnswer(response)).toMatchObject({
    result: { isError: true, content: [{ text: 'The guard personalData does not let this result pass' }] },
  })
  expect(record.refusal).toMatchObject({ by: 'guards', code: 'personalData' })
})

test('other results are replaced by an error', async () => {
  const { send } = start([personalData({ action: 'block' })])
  expect(await mcpAnswer(await send({}, 'resources/read'))).toMatchObject({ error: { code: -31403 } })
})

test('arguments are masked before the server gets them, and blocked without it', async () => {
  const masking = start([secrets()], { text: '{}' })
  await masking.send({ note: `key ${key}`, list: [{ token: key }], n: 7 })
  expect(masking.seen[0]?.json().params).toEqual({
    name: 'mail',
    uri: 'note://1',
    arguments: { note: 'key [redacted]', list: [{ token: '[redacted]' }], n: 7 },
  })
  const blocking = start([secrets({ action: 'block' })], { text: '{}' })
  const response = await blocking.send({ note: key })
  expect(response.status).toBe(200)
  expect(await mcpAnswer(response)).toEqual({
    jsonrpc: '2.0',
    id: 1,
    error: { code: -31403, message: 'The guard secrets does not let these arguments pass' },
  })
  expect(blocking.seen).toEqual([])
})

test('arguments that headers repeat are blocked where they would be masked [M10]', async () => {
  const { send, seen } = start([secrets()], { text: '{}' })
  const response = await send({ note: key }, 'tools/call', 'modern', { 'Mcp-Param-Note': key })
  expect(await mcpAnswer(response)).toMatchObject({ error: { code: -31403 } })
  expect(seen).toEqual([])
})

test('flags change nothing and are told, without the text', async () => {
  const onFinding = vi.fn()
  const { send } = start([personalData({ action: 'flag', in: ['result'] })], {}, { onFinding })
  expect(await (await send({ to: 'bob@example.com' })).text()).toContain('Mail bob@example.com')
  expect(onFinding).toHaveBeenCalledTimes(2)
  expect(onFinding.mock.calls[0]?.[0]).toEqual({
    guard: 'personalData',
    action: 'flag',
    direction: 'result',
    method: 'tools/call',
    name: 'mail',
    reason: 'It has data of a person',
  })
})

test('progress and log messages of a stream are looked at too', async () => {
  const notification = (text: string) =>
    `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${text}"}}\n\n`
  const more = notification('to bob@example.com') + notification('to nobody')
  const masking = start([personalData()], { isStream: true, more, text: '{}' })
  expect(await (await masking.send({})).text()).toContain('"data":"to [email]"')
  const blocking = start([personalData({ action: 'block' })], { isStream: true, more, text: '{}' })
  const text = await (await blocking.send({})).text()
  expect(text).not.toContain('bob')
  expect(text).toContain('to nobody')
  const stream = await masking.handle(new Request(url), masking.context)
  expect(await stream.text()).toContain('"data":"to [email]"')
})

test.each([
  ['arguments', { maxArguments: 20 }, { note: 'x'.repeat(30) }, 'these arguments'],
  ['results', { maxResult: 20 }, {}, 'this result'],
])('limits the size of %s', async (_, options, args, text) => {
  const { send } = start([size(options)])
  expect(await (await send(args)).text()).toContain(`The guard size does not let ${text} pass`)
  expect(await (await start([size({ ...options, action: 'flag' })]).send(args)).text()).toContain('bob')
})

test('guards see what those before them have masked, and one that fails blocks', async () => {
  const seen: string[] = []
  const watching: Guard = {
    name: 'watching',
    text: (text) => {
      seen.push(text)
      return undefined
    },
  }
  await (await start([personalData(), watching]).send({})).text()
  expect(seen).toContain('Mail [email]')
  const broken: Guard = { name: 'broken', text: () => Promise.reject(new Error('down')) }
  const { send, record } = start([broken])
  expect(await (await send({})).text()).toContain('The guard broken does not let this result pass')
  expect(record.refusal).toMatchObject({ code: 'broken', reason: 'down' })
})

test('files in base64 are not taken for anything', async () => {
  const image = Buffer.from(`x${key}`.repeat(40)).toString('base64').slice(0, 1024)
  const { send } = start([secrets()], { text: `{"content":[{"type":"image","data":"${image}"}]}` })
  expect(await (await send({})).text()).toContain(image)
})

test('a credential is found in a text of any length', async () => {
  const long = `${'word '.repeat(20_000)}${key} ${'word '.repeat(20_000)}`
  const { send } = start([secrets()], { text: JSON.stringify({ content: [{ type: 'text', text: long }] }) })
  const text = await (await send({})).text()
  expect(text).not.toContain(key)
  expect(text.length).toBeGreaterThan(199_000)
})

test.each<[string, () => unknown]>([
  ['guards', () => guards([{} as Guard])],
  ['text', () => guards([{ name: 'x', text: 'y' as never }])],
  ['personalData', () => personalData({ action: 'hide' as never })],
  ['secrets', () => secrets({ in: ['both'] as never })],
  ['size', () => size({})],
  ['maxResult', () => size({ maxResult: 0 })],
])('a wrong option of %s fails at construction', (name, make) => {
  expect(make).toThrow(name)
})
