import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { httpServer } from '../../../../../test/fixtures/loopback.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { proxy } from './proxy.js'

const answer = '{"jsonrpc":"2.0","id":7,"result":{"n":12345678901234567890}}'
const asJson = (response: ServerResponse) =>
  void response.writeHead(200, { 'Content-Type': 'application/json' }).end(answer)
const events =
  (...data: string[]) =>
  (response: ServerResponse) =>
    void response
      .writeHead(200, { 'Content-Type': 'text/event-stream' })
      .end(data.map((one) => `data: ${one}\n\n`).join(''))
const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'
const question = '{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}}'

/** A server as the SDK makes it: it refuses requests that do not accept both. */
async function post(accept: string | undefined, say: (response: ServerResponse) => void, method = 'tools/list') {
  const { url } = await httpServer((request, response) => {
    request.resume()
    const { accept = '' } = request.headers
    if (accept.includes('application/json') && accept.includes('text/event-stream')) say(response)
    else response.writeHead(406).end()
  })
  const headers = { 'Content-Type': 'application/json', ...(accept === undefined ? {} : { Accept: accept }) }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method })
  const request = new Request('https://mcp.example.com/mcp', { method: 'POST', headers, body })
  const response = await compose([message()], proxy(url))(request, {})
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

const json = { status: 200, type: 'application/json', text: answer }
const stream = { status: 200, type: 'text/event-stream', text: `event: message\ndata: ${answer}\n\n` }

test.each([
  ['application/json', asJson, json],
  ['application/json', events(answer), json],
  ['application/json', events(progress, answer), json],
  ['application/json;q=0.9, text/event-stream;q=0', events(answer), json],
  ['application/*', events(answer), json],
  ['*/*, text/event-stream;q=0', events(answer), json],
  ['text/event-stream', asJson, stream],
  ['text/event-stream', events(answer), stream],
  ['text/*', asJson, stream],
  ['*/*', asJson, json],
  ['*/*', events(answer), stream],
  [undefined, asJson, json],
  ['application/json, text/event-stream', events(answer), stream],
])('who accepts %s is served [M5, M13]', async (accept, say, expected) => {
  expect(await post(accept, say)).toEqual(expected)
})

test.each([
  ['text/plain', asJson, 'Accept application/json or text/event-stream'],
  ['application/json', events(question, answer), 'The server asks its client something'],
])('who accepts %s is told what to accept instead', async (accept, say, text) => {
  const { status, text: told } = await post(accept, say)
  expect([status, JSON.parse(told)]).toMatchObject([406, { id: 7, error: { message: expect.stringContaining(text) } }])
})

test('a subscription is a stream', async () => {
  expect((await post('application/json', events(answer), 'subscriptions/listen')).status).toBe(406)
})

test('a stream without an answer is an error', async () => {
  const { status, text } = await post('application/json', events(progress))
  expect([status, JSON.parse(text)]).toMatchObject([502, { id: 7 }])
})

test('an error of HTTP stays JSON', async () => {
  const refused = await post('text/event-stream', (response) =>
    response
      .writeHead(400, { 'Content-Type': 'application/json' })
      .end('{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no"}}'),
  )
  expect([refused.status, refused.type]).toEqual([400, 'application/json'])
})
