import { expect, test } from 'vitest'
import { StartRate } from './start-rate.js'

test('a user may start so many at once, and one more for each part of a minute', () => {
  let now = 0
  const rate = new StartRate(2, () => now)
  expect([rate.take('ada'), rate.take('ada'), rate.take('bob')]).toEqual([0, 0, 0])
  expect(rate.take('ada')).toBe(30)
  now = 30_000
  expect([rate.take('ada'), rate.take('ada')]).toEqual([0, 30])
})

test('a user who goes on is remembered, however many others come in the same minute [finding 26]', () => {
  const rate = new StartRate(2, () => 0)
  rate.take('ada')
  rate.take('ada')
  for (let index = 0; index < 9_000; index++) rate.take(`stranger ${index}`)
  expect(rate.take('ada')).toBeGreaterThan(0)
})

test('a user is remembered among the last ten thousand, and no more are kept [finding 26]', () => {
  const rate = new StartRate(1, () => 0)
  for (let index = 0; index < 30_000; index++) rate.take(`stranger ${index}`)
  expect(rate.take('stranger 29999')).toBeGreaterThan(0)
  expect(rate.take('stranger 20000')).toBeGreaterThan(0)
  expect(rate.take('stranger 0')).toBe(0)
})
