import { expect, test } from 'vitest'
import type { Handler } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { respond } from '../http/respond.js'
import { message } from './message-middleware.js'

async function send(body: unknown, answer: Handler, headers: Record<string, string> = {}): Promise<Response> {
  const request = new Request('https://mcp.example.com/mcp', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return compose([message({ maxBatch: 3 })], answer)(request, {})
}

const ping = (id: number) => ({ jsonrpc: '2.0', id, method: 'ping' })
const note = { jsonrpc: '2.0', method: 'notifications/initialized' }
const json: Handler = (_request, { message }) =>
  message?.kind === 'request'
    ? new Response(`{"jsonrpc":"2.0","id":${message.id},"result":{"big":12345678901234567890}}`, {
        headers: { 'Content-Type': 'application/json' },
      })
    : new Response(null, { status: 202 })

test('a batch is split on the way in and joined on the way out, as it was written [L1]', async () => {
  const seen: string[] = []
  const response = await send(
    '[ {"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":12345678901234567890}} ,{"jsonrpc":"2.0","id":2,"method":"ping"}]',
    (request, context) => {
      seen.push(new TextDecoder().decode(context.message?.bytes))
      return json(request, context)
    },
  )
  expect(seen[0]).toBe('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":12345678901234567890}}')
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(await response.text()).toBe(
    '[{"jsonrpc":"2.0","id":1,"result":{"big":12345678901234567890}},{"jsonrpc":"2.0","id":2,"result":{"big":12345678901234567890}}]',
  )
})

test('a batch of notifications is 202 without a body [L2]', async () => {
  const response = await send([note, note], json)
  expect(response.status).toBe(202)
  expect(await response.text()).toBe('')
})

test('a refusal of one message becomes its error, in its place', async () => {
  const response = await send([ping(1), ping(2)], (request, context) =>
    context.message?.id === 1 ? new Response('{"error":"no"}', { status: 403 }) : json(request, context),
  )
  const [first, second] = (await response.json()) as { id: number; error?: { code: number } }[]
  expect(first).toMatchObject({ id: 1, error: { code: -31403 } })
  expect(second).toMatchObject({ id: 2, result: {} })
})

test('when one answer streams, all go into one stream', async () => {
  const encoder = new TextEncoder()
  const response = await send([ping(1), ping(2), note], (request, context) => {
    if (context.message?.id !== 1) return json(request, context)
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(
          encoder.encode('id: a\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\ndata: {"jsonrpc"'),
        )
        await new Promise((resolve) => setTimeout(resolve, 5))
        controller.enqueue(encoder.encode(':"2.0","id":1,"result":{}}\n\n'))
        controller.close()
      },
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream', 'Mcp-Session-Id': 's' } })
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(response.headers.get('mcp-session-id')).toBe('s')
  const events = (await response.text()).split('\n\n').filter((event) => event !== '')
  expect(events.sort()).toEqual([
    'data: {"jsonrpc":"2.0","id":1,"result":{}}',
    'event: message\ndata: {"jsonrpc":"2.0","id":2,"result":{"big":12345678901234567890}}',
    'id: a\ndata: {"jsonrpc":"2.0","method":"notifications/x"}',
  ])
})

test('when the client of a joined stream goes away, every stream in it is cancelled', async () => {
  const cancelled: unknown[] = []
  const response = await send([ping(1), ping(2)], (_request, context) => {
    const body = new ReadableStream({
      pull: () => new Promise(() => {}),
      cancel: () => {
        cancelled.push(context.message?.id)
      },
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  })
  await response.body?.cancel()
  expect(cancelled.sort()).toEqual([1, 2])
})

const endless = (onCancel: () => void, onPull: () => void = () => {}) =>
  new Response(
    new ReadableStream(
      {
        pull(controller) {
          onPull()
          controller.enqueue(new TextEncoder().encode('data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n'))
        },
        cancel: onCancel,
      },
      { highWaterMark: 0 },
    ),
    { headers: { 'Content-Type': 'text/event-stream' } },
  )

test('a handler that throws for one message leaves no answer of another open', async () => {
  const cancelled: unknown[] = []
  const batch = send([ping(1), ping(2), ping(3)], async (_request, { message }) => {
    if (message?.id === 2) throw new Error('broken')
    await Promise.resolve()
    return endless(() => cancelled.push(message?.id))
  })
  await expect(batch).rejects.toThrow('broken')
  expect(cancelled.sort()).toEqual([1, 3])
})

test('a joined stream takes no more of its parts than its client reads', async () => {
  let pulled = 0
  const response = await send([ping(1), ping(2)], () =>
    endless(
      () => {},
      () => pulled++,
    ),
  )
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  for (let count = 0; count < 10; count++) await reader.read()
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  // What was read, one event that waits, and one ahead of it for each part
  expect(pulled).toBeLessThanOrEqual(14)
  await reader.cancel()
})

test('a part that breaks ends a joined stream, although the client does not read', async () => {
  const cancelled: unknown[] = []
  let fail = () => {}
  const response = await send([ping(1), ping(2)], (_request, { message }) => {
    if (message?.id === 1) return endless(() => cancelled.push(1))
    const body = new ReadableStream({
      start(controller) {
        fail = () => controller.error(new Error('broken'))
      },
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  })
  await new Promise((resolve) => setImmediate(resolve))
  fail()
  await expect(response.text()).rejects.toThrow('broken')
  expect(cancelled).toEqual([1])
})

test.each([
  ['an empty batch', [], {}],
  ['one that is too long', [ping(1), ping(2), ping(3), ping(4)], {}],
  ['one with initialize', [{ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }], {}],
  ['two requests of one id', [ping(1), ping(1)], {}],
  ['an item that is no message', [ping(1), 1], {}],
  ['a batch of a revision without batches', [ping(1)], { 'MCP-Protocol-Version': '2025-06-18' }],
  ['a batch of a modern revision', [ping(1)], { 'MCP-Protocol-Version': '2026-07-28' }],
])('%s is 400 and reaches nobody [M4, L1]', async (_what, body, headers) => {
  const response = await send(
    body,
    () => {
      throw new Error('must not be reached')
    },
    headers,
  )
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { code: -32600 } })
})

const large = (message: { id?: unknown } | undefined, bytes: number) =>
  `{"jsonrpc":"2.0","id":${message?.id},"result":{"text":"${'x'.repeat(bytes)}"}}`

test.each(['a response that is known', 'a stream of JSON'])(
  'the answers of a batch have one budget: what does not fit is an error, as %s [finding 10]',
  async (how) => {
    const handler = compose([message({ maxBatchAnswer: 2500 })], (_request, { message }) => {
      const body = large(message, 1000)
      const headers = { 'Content-Type': 'application/json' }
      return how === 'a stream of JSON' ? new Response(body, { headers }) : respond(body, { headers })
    })
    const request = new Request('https://mcp.example.com/mcp', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify([1, 2, 3, 4, 5].map(ping)),
    })
    const answers = (await (await handler(request, {})).json()) as { id: number; error?: { code: number } }[]
    expect(answers.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
    expect(answers.filter(({ error }) => error === undefined)).toHaveLength(2)
    expect(answers.filter(({ error }) => error?.code === -31502)).toHaveLength(3)
  },
)

test('an event that does not fit into the budget of a batch becomes the error of its request [finding 10]', async () => {
  const handler = compose([message({ maxBatchAnswer: 2500 })], (_request, { message }) => {
    const size = message?.id === 2 ? 5000 : 100
    return new Response(`data: ${large(message, size)}\n\n`, { headers: { 'Content-Type': 'text/event-stream' } })
  })
  const request = new Request('https://mcp.example.com/mcp', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify([1, 2, 3].map(ping)),
  })
  const text = await (await handler(request, {})).text()
  const answers = text
    .split('\n\n')
    .flatMap((event) => (event === '' ? [] : [JSON.parse(event.replace('event: message\n', '').slice(6))]))
  expect(answers.map(({ id }) => id).sort()).toEqual([1, 2, 3])
  expect(answers.filter(({ error }) => error !== undefined)).toMatchObject([{ id: 2, error: { code: -31502 } }])
})
