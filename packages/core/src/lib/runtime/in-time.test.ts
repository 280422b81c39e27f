import { expect, test, vi } from 'vitest'
import { inTime } from './in-time.js'

const never = () => new Promise<string>(() => {})
const fail = () => {
  throw new Error('late')
}

test('gives what the work gives, at once or later', async () => {
  expect(await inTime(() => 'now', 10, fail)).toBe('now')
  expect(await inTime(async () => 'soon', 10, fail)).toBe('soon')
})

test('fails as the work does, and leaves no timer', async () => {
  vi.useFakeTimers()
  try {
    await expect(inTime(() => Promise.reject(new Error('broken')), 10, fail)).rejects.toThrow('broken')
    await expect(
      inTime(
        () => {
          throw new Error('at once')
        },
        10,
        fail,
      ),
    ).rejects.toThrow('at once')
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('gives or throws what is made of work that is late', async () => {
  expect(await inTime(never, 5, () => 'instead')).toBe('instead')
  await expect(inTime(never, 5, fail)).rejects.toThrow('late')
})

test('work that fails when nobody waits any more fails for nobody', async () => {
  const later = () => new Promise<string>((_, reject) => setTimeout(() => reject(new Error('too late')), 20))
  expect(await inTime(later, 5, () => 'instead')).toBe('instead')
  await new Promise((resolve) => setTimeout(resolve, 40))
})
