import { Refusal } from '@mcp-gateway/core/internal'
import { expect, test, vi } from 'vitest'
import { retryOnRefusal } from './retry-on-refusal.js'

const error = Buffer.from('{"error":{}}')
const setUp = (find: () => Promise<boolean>) => {
  const answer = vi.fn()
  const again = vi.fn()
  return { answer, again, waiter: retryOnRefusal({ related: () => undefined, answer }, find, again) }
}

test('a result passes, and nothing else is looked for', () => {
  const find = vi.fn(async () => true)
  const { answer, waiter } = setUp(find)
  waiter.answer(error)
  expect([answer.mock.calls, find.mock.calls]).toEqual([[[error]], []])
})

test('an error is asked again where another place was found', async () => {
  const { answer, again, waiter } = setUp(async () => true)
  waiter.answer(error, -32601)
  await vi.waitFor(() => expect(again).toHaveBeenCalledOnce())
  expect(answer).not.toHaveBeenCalled()
})

test.each([
  ['finds nothing', async () => false],
  ['is refused itself', () => Promise.reject(new Refusal(503, -31503, 'Session limit reached'))],
])('the client gets the first error where the search %s', async (_, find) => {
  const { answer, again, waiter } = setUp(find)
  waiter.answer(error, -32601)
  await vi.waitFor(() => expect(answer).toHaveBeenCalledWith(error, -32601))
  expect(again).not.toHaveBeenCalled()
})
