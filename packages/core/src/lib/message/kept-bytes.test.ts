import { expect, test } from 'vitest'
import type { Context, Handler } from '../contract/handler.js'
import type { MessageTransform } from '../contract/message.js'
import { compose } from '../http/compose.js'
import { proxy } from '../proxy/proxy.js'
import { fromFetchServer } from './from-fetch-server.js'
import { message } from './message-middleware.js'

/** What no JavaScript number and no writer of JSON would give back. */
const odd = '{"big":12345678901234567890123, "e":1.10E2,"s":"\\u00e9\\/"}'
const request = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping" ,"params":${odd}}`
const response = (id: number) => `{ "jsonrpc":"2.0","id":${id},"result":${odd}}`
const json = { 'Content-Type': 'application/json' }
const keep: MessageTransform = (message) => message
const hideNote: MessageTransform = (message) => (message.method === undefined ? message : undefined)
const note = '{"jsonrpc":"2.0","method":"notifications/message","params":{}}'

/** What a client gets, and what the server was sent, for a body and a server that answers each message. */
async function exchange(
  body: string,
  answer: (id: number) => Response,
  transforms: MessageTransform[],
  direct: boolean,
) {
  const sent: string[] = []
  const server = async (text: string) => {
    sent.push(text)
    return answer(Number(/"id":(\d+)/.exec(text)?.[1]))
  }
  const end: Handler = direct
    ? fromFetchServer({ fetch: async (request: Request) => server(await request.text()) })
    : proxy('http://127.0.0.1:1/mcp', {
        fetch: async (_url, init) => server(new TextDecoder().decode(init?.body as Uint8Array)),
      })
  const handler = compose([message()], (request, context) => end(request, { ...context, transforms } as Context))
  const got = await handler(new Request('https://mcp.example.com/mcp', { method: 'POST', headers: json, body }), {})
  return { text: await got.text(), sent }
}

for (const [end, direct] of [
  ['proxy', false],
  ['a server in the process', true],
] as const) {
  test(`a message and its answer keep their bytes under a transform: ${end}`, async () => {
    const { text, sent } = await exchange(
      request(1),
      (id) => new Response(response(id), { headers: json }),
      [keep],
      direct,
    )
    expect([text, sent]).toEqual([response(1), [request(1)]])
  })

  test(`the messages and answers of a batch keep their bytes under a transform: ${end}`, async () => {
    const body = `[${request(1)}, ${request(2)}]`
    const { text, sent } = await exchange(body, (id) => new Response(response(id), { headers: json }), [keep], direct)
    expect(text).toBe(`[${response(1)},${response(2)}]`)
    expect(sent.toSorted()).toEqual([request(1), request(2)])
  })

  test(`what a transform leaves of answers that are arrays or streams keeps its bytes: ${end}`, async () => {
    const array = (id: number) => new Response(`[${note},${response(id)}]`, { headers: json })
    const alone = await exchange(request(1), array, [hideNote], direct)
    expect(alone.text).toBe(`[${response(1)}]`)
    const events = (id: number) =>
      new Response(`data: ${note}\n\ndata: ${response(id)}\n\n`, { headers: { 'Content-Type': 'text/event-stream' } })
    const streamed = await exchange(`[${request(1)},${request(2)}]`, events, [hideNote], direct)
    expect(streamed.text).toContain(`data: ${response(1)}\n`)
    expect(streamed.text).toContain(`data: ${response(2)}\n`)
    expect(streamed.text).not.toContain('notifications')
  })
}
