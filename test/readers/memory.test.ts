import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { compose } from '../../packages/core/src/lib/http/compose.js'
import type { StreamGuard } from '../../packages/core/src/lib/http/guard-stream.js'
import { readBody } from '../../packages/core/src/lib/http/read-body.js'
import { readEvents } from '../../packages/core/src/lib/http/read-events.js'
import { readStart } from '../../packages/core/src/lib/http/read-start.js'
import { answerBatch } from '../../packages/core/src/lib/message/answer-batch.js'
import { message } from '../../packages/core/src/lib/message/message-middleware.js'
import { parseMessage } from '../../packages/core/src/lib/message/parse-message.js'
import { transformResponse } from '../../packages/core/src/lib/message/transform-response.js'
import { toNodeHandler } from '../../packages/core/src/lib/mounts/node/to-node-handler.js'
import { boundedFetch } from '../../packages/core/src/lib/outbound/bounded-fetch.js'
import { nodeTransport } from '../../packages/core/src/lib/proxy/node-transport.js'
import { readBody as readOAuthBody } from '../../packages/oauth-server/src/lib/http/read-body.js'
import { History } from '../../packages/stdio-bridge/src/lib/http/history.js'
import { StderrLog } from '../../packages/stdio-bridge/src/lib/process/stderr-log.js'
import { LineReader } from '../../packages/stdio-bridge/src/lib/wire/line-reader.js'
import { settle, usedBytes, waitingStream } from './heap.js'

const size = 262_144
/** What a reader may hold for each byte that it was given; an array of one-byte chunks holds about 450. */
const most = 8
/** For what else happens in the process. */
const slack = 2_097_152

const letter = () => Uint8Array.of(0x78)
const guard: StreamGuard = { idleTimeout: null, abort: () => {}, onEnd: () => {} }
const post = (body: ReadableStream<Uint8Array>) =>
  new Request('https://mcp.example.com/', { method: 'POST', body, duplex: 'half' } as RequestInit)
const encode = (text: string) => new TextEncoder().encode(text)

/** Gives a reader a stream of one-byte chunks that does not end, and looks what it holds. */
async function heldFor(
  read: (stream: ReadableStream<Uint8Array>) => Promise<unknown>,
  bytes = size,
  chunk: (index: number) => Uint8Array = letter,
): Promise<{ held: number; result: unknown }> {
  const { stream, taken, end } = waitingStream(bytes, chunk)
  const before = usedBytes()
  const reading = read(stream)
  await taken
  await settle()
  const held = usedBytes() - before
  end()
  return { held, result: await reading }
}

async function collect(events: AsyncIterable<{ data?: Uint8Array }>): Promise<number> {
  let count = 0
  for await (const _ of events) count++
  return count
}

const request = parseMessage(encode('{"jsonrpc":"2.0","id":1,"method":"ping"}'))
const json = (body: ReadableStream<Uint8Array>) =>
  new Response(body, { headers: { 'Content-Type': 'application/json' } })
const transforms = [(message: typeof request) => message]

test.each([
  ['a client body', (stream) => readBody(post(stream), 4_194_304)],
  ['the start of an answer', (stream) => readStart(stream, guard, 4_194_304)],
  [
    'an answer of a fetch',
    (stream) => boundedFetch(async () => json(stream), { maxBytes: 4_194_304 })('https://a.example'),
  ],
  ['an event', (stream) => collect(readEvents(stream.getReader()))],
  ['an answer that is transformed', (stream) => transformResponse({ transforms }, json(stream))],
  ['an answer in a batch', (stream) => answerBatch([request], () => json(stream), 4_194_304)],
] as [string, (stream: ReadableStream<Uint8Array>) => Promise<unknown>][])(
  '%s in one-byte chunks costs memory for its bytes and not for its chunks [finding 8]',
  async (_what, read) => {
    const { held } = await heldFor(read)
    expect(held).toBeLessThan(size * most + slack)
  },
)

test('a form in one-byte chunks costs memory for its bytes and not for its chunks [finding 8]', async () => {
  const bytes = 60_000
  const before = usedBytes()
  const waiting = Array.from({ length: 10 }, () => waitingStream(bytes, letter))
  const reading = waiting.map(({ stream }) => readOAuthBody(post(stream)))
  await Promise.all(waiting.map(({ taken }) => taken))
  expect(usedBytes() - before).toBeLessThan(10 * bytes * most + slack)
  for (const { end } of waiting) end()
  expect(new Set(await Promise.all(reading))).toEqual(new Set(['x'.repeat(bytes)]))
})

test.each(['\n', '\r', '\r\n'])(
  'an event of empty lines with %j costs memory for its bytes [finding 8]',
  async (separator) => {
    for (const line of ['data', ':', 'data:x', 'id:y']) {
      const event = encode(`${line}${separator}`.repeat(size / (line.length + separator.length)) + separator)
      const before = usedBytes()
      const events = readEvents((new Response(event).body as ReadableStream<Uint8Array>).getReader())
      const { value } = await events.next()
      expect(usedBytes() - before).toBeLessThan(size * most + slack)
      expect(value).toBeDefined()
    }
  },
)

test('a line of a child in one-byte chunks costs memory for its bytes, and one that is too long for less [finding 8]', () => {
  for (const maxBytes of [2 * size, size / 8]) {
    const seen: number[] = []
    const reader = new LineReader({
      maxBytes,
      onLine: (line) => seen.push(line.length),
      onOverlong: (_head, _tail, bytes) => seen.push(bytes),
    })
    const before = usedBytes()
    for (let index = 0; index < size; index++) reader.push(Buffer.from(letter()))
    expect(usedBytes() - before).toBeLessThan(size * 2 + slack)
    reader.push(Buffer.from('\n'))
    expect(seen).toEqual([size])
  }
})

test('what a child writes to stderr in one-byte chunks costs memory for what is kept [finding 8]', () => {
  const nobody = { debug() {}, info() {}, warn() {}, error() {} }
  const log = new StderrLog(nobody, {})
  const before = usedBytes()
  for (let index = 0; index < size; index++) log.push(Buffer.from(letter()))
  expect(usedBytes() - before).toBeLessThan(slack)
  expect(log.tail()).toEqual(['x'.repeat(2000)])
})

test('events that fell out of the history are let go [finding 8]', () => {
  const history = new History(size)
  const before = usedBytes()
  for (let sequence = 1; sequence <= 60; sequence++) history.add({ stream: 1, sequence, frame: Buffer.alloc(size) })
  expect(usedBytes() - before).toBeLessThan(2 * size + slack)
  expect(history.after(1, 59, 60)).toHaveLength(1)
})

const chunk = '1\r\nx\r\n'

test('a body that a client sends to Node in one-byte chunks costs memory for its bytes [finding 8]', async () => {
  let received: Uint8Array | string = ''
  const app = {
    handle: async (request: Request) => {
      received = await readBody(request, 4_194_304)
      return new Response()
    },
    fetch: async () => new Response(),
  }
  const server = createServer(toNodeHandler(app)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  let arrived = 0
  server.on('connection', (peer) => {
    setInterval(() => {
      arrived = peer.bytesRead
    }, 20).unref()
  })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const before = usedBytes()
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n')
  const part = chunk.repeat(16_384)
  for (let sent = 0; sent < size; sent += 16_384) await new Promise((resolve) => socket.write(part, resolve))
  await vi.waitUntil(() => arrived > size * chunk.length, { timeout: 30_000, interval: 50 })
  const held = usedBytes() - before
  socket.write('0\r\n\r\n')
  await new Promise((resolve) => socket.once('close', resolve).resume())
  server.close()
  expect(received).toHaveLength(size)
  expect(held).toBeLessThan(size * most + slack)
})

test('an answer that an upstream sends in one-byte chunks costs memory for its bytes [finding 8]', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders()
    const { socket } = response
    for (let sent = 0; sent < size; sent += 16_384) socket?.write(chunk.repeat(16_384))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const before = usedBytes()
  const abort = new AbortController()
  const response = await nodeTransport(5)?.(url, { signal: abort.signal })
  const start = response?.begin?.(guard, 4_194_304)
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const held = usedBytes() - before
  abort.abort()
  expect(await start).toBe('broken')
  server.closeAllConnections()
  server.close()
  expect(held).toBeLessThan(size * most + slack)
})

const post4 = (body: string) =>
  new Request('https://mcp.example.com/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })

test('requests that wait hold their bytes and not what they were parsed to [finding 10]', async () => {
  // The most values that a body may have, in the shape that costs the most
  const body = `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":[${'{},'.repeat(99_000)}1]}}`
  let end = () => {}
  const isOver = new Promise<void>((resolve) => {
    end = resolve
  })
  let waiting = 0
  const handler = compose([message()], async () => {
    waiting++
    await isOver
    return new Response(null, { status: 202 })
  })
  const before = usedBytes()
  const answers = Array.from({ length: 15 }, () => handler(post4(body), {}))
  await vi.waitUntil(() => waiting === 15, { timeout: 30_000 })
  await settle()
  expect(usedBytes() - before).toBeLessThan(15 * body.length * 2 + slack)
  end()
  await Promise.all(answers)
})

test('a body of more values than memory should be spent on is 400 before it is parsed [finding 10]', async () => {
  const handler = compose([message()], () => new Response(null, { status: 202 }))
  for (const filling of ['{},', '[],', '1,', '"a",', '[{"a":[]},', '"\\"[{,",']) {
    const items = filling.repeat(4_000_000 / filling.length)
    const response = await handler(post4(`{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":[${items}1]}}`), {})
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: -32600 } })
  }
  const few = `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"${'[{,'.repeat(1_000_000)}","b":[${'1,'.repeat(100_000)}1]}}`
  expect((await handler(post4(few), {})).status).toBe(202)
})

test('a batch of a hostile server that is transformed is not parsed as a whole [finding 10]', async () => {
  const before = usedBytes()
  let peak = 0
  const look = [
    (message: typeof request) => {
      peak = Math.max(peak, process.memoryUsage().heapUsed)
      return message
    },
  ]
  for (const item of ['{}', '{"jsonrpc":"2.0","method":"x"}']) {
    const body = `[${`${item},`.repeat(4_194_304 / item.length)}${item}]`
    const response = await transformResponse(
      { transforms: look },
      new Response(body, { headers: { 'Content-Type': 'application/json' } }),
    )
    expect(response.status).toBe(502)
  }
  expect(peak).toBe(0)
  expect(usedBytes() - before).toBeLessThan(slack * 8)
})
