import fc from 'fast-check'
import { expect, test } from 'vitest'
import { byteBudget } from './byte-budget.js'
import { readEvents } from './read-events.js'

const encoder = new TextEncoder()
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))

/** The events of a stream that comes in pieces of this size. */
async function events(stream: string, size = stream.length + 1, ...limits: [maxBytes?: number, budget?: never]) {
  const all = encoder.encode(stream)
  const reader = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < all.length; at += size) controller.enqueue(all.slice(at, at + size))
      controller.close()
    },
  }).getReader()
  const found: { data?: string; rest: string; bytes?: string }[] = []
  for await (const { data, rest, bytes } of readEvents(reader, ...limits)) {
    found.push({ data: text(data), rest, bytes: text(bytes) })
  }
  return found
}

const dataOf = async (stream: string, size?: number) => (await events(stream, size)).map(({ data }) => data)

test.each([
  ['data: a\n\n', ['a']],
  ['data:a\n\ndata:  b\n\n', ['a', ' b']],
  ['data: a\ndata: b\n\n', ['a\nb']],
  ['data\n\n', ['']],
  ['data:\n\n', ['']],
  ['data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
  ['data: a\r\rdata: b\r\r', ['a', 'b']],
  ['dataset: a\n\n', [undefined]],
  [': comment\n\n', [undefined]],
  ['\uFEFFdata: a\n\n', ['a']],
  ['data: a\n\ndata: not complete\n', ['a']],
])('%j has the data %j, whatever its chunks are', async (stream, expected) => {
  for (let size = 1; size <= stream.length + 2; size++) expect(await dataOf(stream, size)).toEqual(expected)
})

test('an event keeps its bytes and its other lines', async () => {
  expect(await events('id: 7\nevent: message\ndata: a\nretry: 5\n\n')).toEqual([
    { data: 'a', rest: 'id: 7\nevent: message\nretry: 5\n', bytes: 'id: 7\nevent: message\ndata: a\nretry: 5\n\n' },
  ])
})

test('events are the same in whatever pieces they come', async () => {
  const line = fc.constantFrom('data: a', 'data:', 'data', 'id: 1', ': c', 'datax: y', 'data: é名')
  const event = fc.tuple(fc.array(line, { minLength: 1, maxLength: 4 }), fc.constantFrom('\n', '\r\n', '\r'))
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 5 }), fc.integer({ min: 1, max: 9 }), async (parts, size) => {
      const stream = parts.map(([lines, end]) => lines.map((line) => line + end).join('') + end).join('')
      const whole = await events(stream)
      const cut = await events(stream, size)
      expect(whole).toHaveLength(parts.length)
      const content = ({ data, rest }: (typeof whole)[number]) => ({ data, rest })
      expect(cut.map(content)).toEqual(whole.map(content))
    }),
    { numRuns: 200 },
  )
})

test('an event over the limit ends the stream, and one at the limit does not [attack 157]', async () => {
  const stream = `data: ${'x'.repeat(10)}\n\n`
  expect(await events(stream, 3, stream.length)).toHaveLength(1)
  await expect(events(stream, 3, stream.length - 1)).rejects.toMatchObject({ code: 'outbound_refused' })
  await expect(events('data: xxxxxxxxxxxxxxxxxxxx', 3, 10)).rejects.toMatchObject({ code: 'outbound_refused' })
})

test('streams that share a budget cannot take more than it together', async () => {
  const budget = byteBudget(20)
  const stream = 'data: aaaa\n\n'
  expect(await events(stream, 5, 100, budget as never)).toHaveLength(1)
  await expect(events(stream, 5, 100, budget as never)).rejects.toMatchObject({ code: 'outbound_refused' })
})
