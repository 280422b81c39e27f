import { afterEach, expect, test, vi } from 'vitest'
import { Reply } from './reply.js'

const message = (text: string) => new TextEncoder().encode(text)

afterEach(() => {
  vi.useRealTimers()
})

test('a client whose request is under way for long hears of it, and then every 15 s [M16]', async () => {
  vi.useFakeTimers()
  const reply = new Reply({}, () => {})
  await vi.advanceTimersByTimeAsync(10_001)
  const response = await reply.response
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const text = response.text()
  await vi.advanceTimersByTimeAsync(31_000)
  reply.finish(message('{"id":1}'))
  expect(await text).toBe(': keep-alive\n\n: keep-alive\n\nevent: message\ndata: {"id":1}\n\n')
})

test('an answer that comes before stays JSON, and leaves no timer', async () => {
  vi.useFakeTimers()
  const reply = new Reply({}, () => {})
  reply.finish(message('{"id":1}'), 400)
  const response = await reply.response
  expect([response.status, await response.text()]).toEqual([400, '{"id":1}'])
  expect(vi.getTimerCount()).toBe(0)
})

test('events are named, as some clients need it', async () => {
  const reply = new Reply({}, () => {})
  reply.send(message('{"method":"notifications/progress"}'))
  reply.finish(message('{"id":1}'))
  const named = 'event: message\ndata: {"method":"notifications/progress"}\n\nevent: message\ndata: {"id":1}\n\n'
  expect(await (await reply.response).text()).toBe(named)
})
