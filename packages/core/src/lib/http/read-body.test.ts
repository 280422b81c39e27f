import { expect, test, vi } from 'vitest'
import { parseMessage } from '../message/parse-message.js'
import { byteBudget } from './byte-budget.js'
import { bodyReader, readBody, readStream } from './read-body.js'
import { requestWithBody } from './request-with-body.js'

const encoder = new TextEncoder()
const post = (body: BodyInit | null, headers?: HeadersInit) =>
  new Request('https://mcp.example.com/', { method: 'POST', body, headers })

test('reads a body up to the limit, and not one byte more', async () => {
  expect(await readBody(post('1234'), 4)).toEqual(encoder.encode('1234'))
  expect(await readBody(post('12345'), 4)).toBe('too-large')
  expect(await readBody(post(null), 4)).toEqual(new Uint8Array())
})

test('joins chunks, and cancels a stream that is too long', async () => {
  const cancel = vi.fn()
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(encoder.encode('ab')),
    cancel,
  })
  expect(await readStream(stream, 5)).toBe('too-large')
  expect(cancel).toHaveBeenCalledOnce()
  const parts = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const part of ['a', '', 'bc']) controller.enqueue(encoder.encode(part))
      controller.close()
    },
  })
  expect(await readStream(parts, 5)).toEqual(encoder.encode('abc'))
})

test('empty chunks count: a stream of nothing else ends [finding 8]', async () => {
  let chunks = 0
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      chunks++
      controller.enqueue(new Uint8Array())
    },
  })
  expect(await readStream(stream, 5)).toBe('too-large')
  expect(chunks).toBeLessThan(2000)
})

test('a body of many chunks arrives as it was sent, whatever length was declared [finding 8]', async () => {
  const whole = crypto.getRandomValues(new Uint8Array(10_000))
  for (const declared of ['', '0', '1', '10000', '20000', 'x', '-1']) {
    const parts = new ReadableStream({
      start(controller) {
        for (let from = 0; from < whole.length; from += 7) controller.enqueue(whole.subarray(from, from + 7))
        controller.close()
      },
    })
    const init = { method: 'POST', headers: { 'Content-Length': declared }, body: parts, duplex: 'half' } as const
    expect(await readBody(new Request('https://mcp.example.com/mcp', init), 25_000)).toEqual(whole)
  }
})

test('bytes of a shared budget are given back by a body that is refused [finding 10]', async () => {
  const budget = byteBudget(10)
  const of = (text: string) => new Response(text).body
  expect(await readStream(of('123456'), 100, budget)).toEqual(encoder.encode('123456'))
  expect(await readStream(of('12345'), 100, budget)).toBe('too-large')
  expect(await readStream(of('1234'), 2, budget)).toBe('too-large')
  expect(await readStream(of('1234'), 100, budget)).toEqual(encoder.encode('1234'))
})

test('a host adapter reads its own requests', async () => {
  const reader = vi.fn(async () => encoder.encode('fast'))
  expect(await readBody(Object.assign(post('slow'), { [bodyReader]: reader }), 10)).toEqual(encoder.encode('fast'))
  expect(reader).toHaveBeenCalledExactlyOnceWith(10, undefined)
})

test('a request whose body was read is rebuilt from the message, whatever its length was', async () => {
  const request = post('{"jsonrpc":"2.0","id":1,"method":"old"}', { 'Content-Length': '39', 'X-A': 'x' })
  await request.text()
  const message = parseMessage(encoder.encode('{"jsonrpc":"2.0","id":1,"method":"new and longer"}'))
  const rebuilt = requestWithBody(request, { message })
  expect(await rebuilt.json()).toMatchObject({ method: 'new and longer' })
  expect([rebuilt.method, rebuilt.headers.get('x-a'), rebuilt.headers.get('content-length')]).toEqual([
    'POST',
    'x',
    null,
  ])
})

test('a request without a message stays itself, or becomes a plain one', () => {
  const request = new Request('https://mcp.example.com/')
  expect(requestWithBody(request, {})).toBe(request)
  class Lazy extends Request {}
  expect(requestWithBody(new Lazy('https://mcp.example.com/'), {}).constructor).toBe(Request)
})
