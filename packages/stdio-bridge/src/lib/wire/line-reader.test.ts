import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineReader } from './line-reader.js'
import { TailBuffer } from './tail-buffer.js'

function read(chunks: readonly Buffer[], maxBytes = 1000): { lines: string[]; overlong: [string, string, number][] } {
  const lines: string[] = []
  const overlong: [string, string, number][] = []
  const reader = new LineReader({
    maxBytes,
    onLine: (line) => lines.push(line.toString()),
    onOverlong: (head, tail, bytes) => overlong.push([head.toString(), tail.toString(), bytes]),
  })
  for (const chunk of chunks) reader.push(chunk)
  reader.end()
  return { lines, overlong }
}

test('[S1] the same lines come out however the stream is chunked', () => {
  const line = fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll(/[\r\n]/g, ' '))
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(30)), fc.constantFrom('\n', '\r\n'), (lines, cuts, end) => {
      const whole = Buffer.from(lines.map((text) => text + end).join(''))
      const chunks: Buffer[] = []
      let from = 0
      for (const cut of cuts) {
        chunks.push(whole.subarray(from, from + cut))
        from += cut
      }
      chunks.push(whole.subarray(from))
      const expected = lines.map((text) => Buffer.from(text).toString()).filter((text) => text !== '' || end === '\r\n')
      expect(read(chunks).lines).toEqual(expected)
    }),
  )
})

test('a line without an end is a line when the stream ends', () => {
  expect(read([Buffer.from('a\nb')]).lines).toEqual(['a', 'b'])
})

test('a line that is too long is skipped, its ends are shown, and reading goes on behind it', () => {
  const long = `HEAD${'x'.repeat(5000)}TAIL`
  const chunks = Buffer.from(`one\n${long}\ntwo\n`)
  for (const size of [1, 7, 512, 100_000]) {
    const parts = Array.from({ length: Math.ceil(chunks.length / size) }, (_, n) =>
      chunks.subarray(n * size, n * size + size),
    )
    const { lines, overlong } = read(parts)
    expect(lines).toEqual(['one', 'two'])
    expect(overlong).toHaveLength(1)
    expect(overlong[0]?.[0]).toMatch(/^HEAD/)
    expect(overlong[0]?.[1]).toMatch(/TAIL$/)
    expect(overlong[0]?.[2]).toBe(long.length)
  }
})

test('the last bytes are kept, whatever the chunks are', () => {
  const whole = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251))
  for (const size of [1, 3, 99, 100, 101, 4000]) {
    const tail = new TailBuffer(100)
    for (let from = 0; from < whole.length; from += size) {
      tail.add(whole.subarray(from, from + size))
      const end = Math.min(from + size, whole.length)
      expect(tail.bytes.equals(whole.subarray(Math.max(0, end - 100), end))).toBe(true)
    }
  }
})
