import { expect, test, vi } from 'vitest'
import { createSweeper } from './sweeper.js'

function setUp(at = 1_000_000) {
  const clock = { at }
  const sweep = vi.fn()
  const wrote = createSweeper({ interval: 60_000, writes: 5, now: () => clock.at }, sweep)
  return { clock, sweep, wrote }
}

test('sweeps with every so many writes', () => {
  const { sweep, wrote } = setUp()
  for (let write = 0; write < 4; write++) wrote()
  expect(sweep).not.toHaveBeenCalled()
  wrote()
  expect(sweep).toHaveBeenCalledOnce()
  for (let write = 0; write < 5; write++) wrote()
  expect(sweep).toHaveBeenCalledTimes(2)
})

test('sweeps with a write after the interval, and not without one', () => {
  const { clock, sweep, wrote } = setUp()
  clock.at += 59_999
  wrote()
  expect(sweep).not.toHaveBeenCalled()
  clock.at += 1
  expect(sweep).not.toHaveBeenCalled()
  wrote()
  expect(sweep).toHaveBeenCalledOnce()
  clock.at += 59_999
  wrote()
  expect(sweep).toHaveBeenCalledOnce()
})

test('goes on sweeping after the clock went back', () => {
  const { clock, sweep, wrote } = setUp()
  clock.at -= 500_000
  wrote()
  expect(sweep).toHaveBeenCalledOnce()
  wrote()
  expect(sweep).toHaveBeenCalledOnce()
  clock.at += 60_000
  wrote()
  expect(sweep).toHaveBeenCalledTimes(2)
})
