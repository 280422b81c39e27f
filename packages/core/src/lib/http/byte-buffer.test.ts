import fc from 'fast-check'
import { expect, test } from 'vitest'
import { byteBudget } from './byte-budget.js'
import { ByteBuffer } from './byte-buffer.js'

const chunk = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 20 }),
  fc.integer({ min: 1, max: 70_000 }).map((length) => crypto.getRandomValues(new Uint8Array(length % 65_536))),
  // A small part of a larger piece of memory, as hosts cut it
  fc.tuple(fc.integer({ min: 1, max: 9000 }), fc.nat(1000)).map(([length, at]) => {
    const memory = crypto.getRandomValues(new Uint8Array(65_536))
    return memory.subarray(at, at + length)
  }),
)

test('holds the bytes of all chunks in their order, and is empty once they were taken', () => {
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 30 }), fc.nat(30), (chunks, looked) => {
      const buffer = new ByteBuffer()
      for (const _round of [1, 2]) {
        chunks.forEach((bytes, index) => {
          buffer.add(bytes)
          if (index === looked) expect(Buffer.concat(chunks.slice(0, index + 1)).equals(buffer.view())).toBe(true)
        })
        expect(buffer.length).toBe(Buffer.concat(chunks).length)
        expect(Buffer.concat(chunks).equals(buffer.take())).toBe(true)
        expect([buffer.length, buffer.view().length]).toEqual([0, 0])
      }
    }),
    { numRuns: 60 },
  )
})

test('copies what is the small part of a larger piece of memory, so that it does not hold all of it [finding 8]', () => {
  for (const length of [10, 5000]) {
    const buffer = new ByteBuffer()
    const memory = new Uint8Array(1_000_000)
    for (let at = 0; at < 3; at++) buffer.add(memory.subarray(at * length, (at + 1) * length))
    expect(buffer.take().buffer.byteLength).toBeLessThan(100_000)
    buffer.add(memory.subarray(0, length))
    expect(buffer.take().buffer.byteLength).toBeLessThan(100_000)
  }
})

test('does not copy a chunk that is the only one and has its memory for itself', () => {
  const buffer = new ByteBuffer()
  const only = new Uint8Array(50_000)
  buffer.add(only)
  expect(buffer.take()).toBe(only)
})

test('adds nothing past its limit or its budget, and gives back what it took', () => {
  const budget = byteBudget(10)
  const buffer = new ByteBuffer({ limit: 8, budget })
  expect([buffer.add(new Uint8Array(6)), buffer.add(new Uint8Array(3)), buffer.length]).toEqual([true, false, 6])
  expect([budget.take(5), budget.take(4)]).toEqual([false, true])
  expect(buffer.add(new Uint8Array(1))).toBe(false)
  buffer.clear()
  expect([buffer.length, budget.take(6)]).toEqual([0, true])
})

test('takes a thousand empty chunks, and no more', () => {
  const buffer = new ByteBuffer()
  for (let index = 0; index < 1024; index++) expect(buffer.add(new Uint8Array())).toBe(true)
  expect(buffer.add(new Uint8Array())).toBe(false)
})
