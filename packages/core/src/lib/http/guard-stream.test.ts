import { afterEach, expect, test, vi } from 'vitest'
import { guardStream } from './guard-stream.js'

afterEach(() => {
  vi.useRealTimers()
})

/** A source of these chunks that ends, breaks or stays silent. */
function source(chunks: number[], end: 'close' | 'break' | 'silence' = 'close') {
  let fail: (reason: unknown) => void = () => {}
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        fail = (reason) => controller.error(reason)
      },
      pull(controller) {
        const next = chunks.shift()
        if (next !== undefined) controller.enqueue(Uint8Array.of(next))
        else if (end === 'close') controller.close()
        else if (end === 'break') controller.error(new Error('broke'))
        else return new Promise(() => {})
      },
    },
    { highWaterMark: 0 },
  )
  const onEnd = vi.fn()
  const abort = vi.fn((reason: unknown) => fail(reason))
  return { stream, onEnd, abort }
}

const all = async (stream: ReadableStream<Uint8Array>) => [...new Uint8Array(await new Response(stream).arrayBuffer())]

test('passes every chunk on, the first part too, and says once that it ended', async () => {
  const { stream, onEnd, abort } = source([2, 3])
  expect(await all(guardStream(stream, { idleTimeout: 5, onEnd, abort }, Uint8Array.of(1)))).toEqual([1, 2, 3])
  expect(onEnd).toHaveBeenCalledOnce()
  expect(abort).not.toHaveBeenCalled()
})

test('takes nothing from the source before somebody reads', async () => {
  const chunks = [1, 2]
  const { stream, onEnd, abort } = source(chunks)
  const reader = guardStream(stream, { idleTimeout: null, onEnd, abort }).getReader()
  await Promise.resolve()
  expect(chunks).toHaveLength(2)
  await reader.read()
  expect(chunks).toHaveLength(1)
  await reader.cancel()
})

test('a reader that goes away ends the source, and it is said once that the stream ended', async () => {
  const { stream, onEnd, abort } = source([1], 'silence')
  const reader = guardStream(stream, { idleTimeout: null, onEnd, abort }).getReader()
  await reader.read()
  await reader.cancel('gone')
  expect(onEnd).toHaveBeenCalledOnce()
  expect(abort).toHaveBeenCalledExactlyOnceWith('gone')
})

test('a reader that goes away while it waits for a chunk is said once too', async () => {
  const { stream, onEnd, abort } = source([], 'silence')
  const reader = guardStream(stream, { idleTimeout: 5, onEnd, abort }).getReader()
  const waiting = reader.read()
  await new Promise((resolve) => setTimeout(resolve, 0))
  await reader.cancel('gone')
  expect((await waiting).done).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 0))
  expect(onEnd).toHaveBeenCalledOnce()
  expect(abort).toHaveBeenCalledOnce()
})

test('a source that breaks breaks the stream, or ends it with a last chunk', async () => {
  const bare = source([1], 'break')
  await expect(all(guardStream(bare.stream, { idleTimeout: null, ...bare }))).rejects.toThrow()
  expect(bare.onEnd).toHaveBeenCalledOnce()
  const said = source([1], 'break')
  const finalChunk = (reason: string) => Uint8Array.of(reason === 'broken' ? 9 : 8)
  expect(await all(guardStream(said.stream, { idleTimeout: null, ...said, finalChunk }))).toEqual([1, 9])
  expect(said.onEnd).toHaveBeenCalledOnce()
})

test('a source that is silent for too long is ended', async () => {
  vi.useFakeTimers()
  const { stream, onEnd, abort } = source([1], 'silence')
  const finalChunk = (reason: string) => Uint8Array.of(reason === 'idle' ? 8 : 9)
  const reading = all(guardStream(stream, { idleTimeout: 5, onEnd, abort, finalChunk }))
  await vi.advanceTimersByTimeAsync(5001)
  expect(await reading).toEqual([1, 8])
  expect([onEnd.mock.calls.length, abort.mock.calls.length]).toEqual([1, 1])
})
