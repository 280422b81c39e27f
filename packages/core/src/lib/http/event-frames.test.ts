import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventFrames } from './event-frames.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

function pass(chunks: readonly Uint8Array[]): string {
  const frames = new EventFrames()
  const all = [...chunks.map((chunk) => frames.push(chunk)), frames.end()]
  return Buffer.concat(all).toString()
}

/** What the HTML standard makes of a stream: the name and data of each event. */
function events(stream: string): { name: string; data: string; id?: string }[] {
  const found: { name: string; data: string; id?: string }[] = []
  for (const block of stream.replaceAll('\r\n', '\n').split('\n\n').slice(0, -1)) {
    const field = (name: string) =>
      block
        .split('\n')
        .filter((line) => line.startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).replace(/^ /, ''))
    if (field('data').length === 0) continue
    found.push({ name: field('event').at(-1) ?? 'message', data: field('data').join('\n'), id: field('id').at(-1) })
  }
  return found
}

test.each([
  ['data: {}\n\n', 'event: message\ndata: {}\n\n'],
  ['data:{}\n\n', 'event: message\ndata:{}\n\n'],
  ['data: {}\r\n\r\n', 'event: message\ndata: {}\r\n\r\n'],
  ['id: 1\ndata: {}\n\n', 'id: 1\nevent: message\ndata: {}\n\n'],
  ['data: {\ndata: }\n\n', 'event: message\ndata: {\ndata: }\n\n'],
  ['event: message\ndata: {}\n\n', 'event: message\ndata: {}\n\n'],
  ['event: endpoint\ndata: /x\n\n', 'event: endpoint\ndata: /x\n\n'],
  ['id: 1\ndata:\n\n', 'id: 1\ndata:\n\n'],
  ['id: 1\ndata: \n\n', 'id: 1\ndata: \n\n'],
  [': hello\n\n', ': hello\n\n'],
  ['retry: 5\n\ndata: a\n\ndata: b\n\n', 'retry: 5\n\nevent: message\ndata: a\n\nevent: message\ndata: b\n\n'],
  ['data: cut', 'event: message\ndata: cut'],
  ['dat', 'dat'],
])('%j becomes %j, however it is cut', (stream, named) => {
  const bytes = encoder.encode(stream)
  expect(pass([bytes])).toBe(named)
  expect(pass([...bytes].map((byte) => Uint8Array.of(byte)))).toBe(named)
  for (let at = 1; at < bytes.length; at++) expect(pass([bytes.subarray(0, at), bytes.subarray(at)])).toBe(named)
})

test('a stream whose events are named is not copied', () => {
  const chunk = encoder.encode('event: message\ndata: {}\n\n')
  expect(new EventFrames().push(chunk)).toBe(chunk)
})

test('says the same by the HTML standard, with comments wherever they can stand', () => {
  const line = fc.oneof(
    fc.constantFrom(
      '',
      '',
      'data: x',
      'data:y',
      'data:',
      'data: ',
      'event: other',
      'id: 7',
      ': c',
      'retry: 1',
      'dataset: z',
    ),
    fc.string({ maxLength: 9 }).map((text) => text.replaceAll(/[\r\n]/g, '.')),
  )
  const stream = fc
    .tuple(fc.array(line, { maxLength: 30 }), fc.constantFrom('\n', '\r\n'))
    .map(([lines, end]) => lines.join(end) + end)
  fc.assert(
    fc.property(stream, fc.array(fc.nat({ max: 40 }), { maxLength: 20 }), (text, cuts) => {
      const frames = new EventFrames()
      const bytes = encoder.encode(text)
      let sent = ''
      let at = 0
      for (const cut of [...cuts, bytes.length]) {
        sent += decoder.decode(frames.push(bytes.subarray(at, at + cut)), { stream: true })
        at += cut
        const comment = frames.comment()
        if (comment !== undefined) sent += decoder.decode(comment)
      }
      sent += decoder.decode(frames.push(bytes.subarray(at))) + decoder.decode(frames.end())
      expect(events(sent)).toEqual(events(text))
    }),
  )
})

describe('a comment', () => {
  test.each([
    ['', ': keep-alive\n\n'],
    ['data: {}\n\n', ': keep-alive\n\n'],
    ['data: {}\r\n\r\n', ': keep-alive\n\n'],
    ['id: 1\n', ': keep-alive\n'],
    ['data: {', undefined],
    ['dat', undefined],
    ['data: {}\r', undefined],
  ])('after %j is %j', (stream, comment) => {
    const frames = new EventFrames()
    frames.push(encoder.encode(stream))
    const found = frames.comment()
    expect(found && decoder.decode(found)).toBe(comment)
  })
})

test.each([
  ['', false],
  ['{', false],
  ['data: {}\n\n', false],
  ['id: 1\ndata: {}\n', false],
  ['id:\ndata: {}\n\n', false],
  ['data: id: 1\n\n', false],
  ['id: 1\ndata:\n\n', true],
  ['data: {}\r\nid: 1\r\n\r\n', true],
  ['id: 1\ndata: {}\n\ndata: {', true],
])('[L6] knows of %j whether a client can resume after it', (text, canResume) => {
  for (const size of [1, 3, 64]) {
    const frames = new EventFrames()
    for (let at = 0; at < text.length; at += size) frames.push(encoder.encode(text.slice(at, at + size)))
    expect(frames.canResume).toBe(canResume)
  }
})
