import { expect, test } from 'vitest'
import { Breaker } from './breaker.js'
import { Slots } from './slots.js'
import { StartRate } from './start-rate.js'

function clock() {
  let now = 1_000_000
  const pass = (seconds: number) => {
    now += seconds * 1000
  }
  return { now: () => now, pass }
}

test('five failed starts within a minute stop further ones, ever longer, with one try in between', () => {
  const { now, pass } = clock()
  const breaker = new Breaker(now, () => 0.5)
  for (let n = 0; n < 4; n++) breaker.failed()
  expect(breaker.enter()).toBe(0)
  breaker.failed()
  expect(breaker.enter()).toBe(1)
  pass(1.1)
  expect(breaker.enter()).toBe(0)
  expect(breaker.enter()).toBe(1)
  breaker.failed()
  expect(breaker.enter()).toBe(2)
  for (let n = 0; n < 20; n++) {
    pass(61)
    expect(breaker.enter()).toBe(0)
    breaker.failed()
  }
  expect(breaker.enter()).toBe(60)
  pass(61)
  expect(breaker.enter()).toBe(0)
  breaker.succeeded()
  expect(breaker.isOpen).toBe(false)
  expect(breaker.enter()).toBe(0)
})

test('a good start between failures, or a minute, starts the count anew', () => {
  const { now, pass } = clock()
  const breaker = new Breaker(now)
  for (let n = 0; n < 20; n++) {
    breaker.failed()
    if (n % 3 === 0) breaker.succeeded()
    expect(breaker.isOpen).toBe(false)
  }
  breaker.succeeded()
  for (let n = 0; n < 20; n++) {
    breaker.failed()
    pass(20)
    expect(breaker.isOpen).toBe(false)
  }
})

test('so many start at once, the next when one is done, and nobody waits for ever', async () => {
  const slots = new Slots(2)
  const first = await slots.take(1)
  await slots.take(1)
  const third = slots.take(5)
  expect(slots.waiting).toBe(1)
  first?.()
  first?.()
  expect(await third).toBeDefined()
  expect(await slots.take(0.01)).toBeUndefined()
  expect(slots.waiting).toBe(0)
})

test('one user may start so many a minute, whatever others do', () => {
  const { now, pass } = clock()
  const rate = new StartRate(3, now)
  for (let n = 0; n < 3; n++) expect(rate.take('mallory')).toBe(0)
  expect(rate.take('mallory')).toBe(20)
  expect(rate.take('alice')).toBe(0)
  pass(20)
  expect(rate.take('mallory')).toBe(0)
  expect(rate.take('mallory')).toBeGreaterThan(0)
})
