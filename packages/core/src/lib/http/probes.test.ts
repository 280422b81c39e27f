import { expect, onTestFinished, test, vi } from 'vitest'
import { createProbes } from './probes.js'

const logger = { debug() {}, info() {}, warn() {}, error() {} }

test('a round of checks that takes long serves all who ask meanwhile [attack 158]', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  let asked = 0
  const check = () => {
    asked++
    return new Promise(() => {})
  }
  const { ready } = createProbes({ parts: new Map([['database', { check, required: true }]]), logger })
  const ask = async () => (await ready(new Request('https://mcp.example.com/ready'), {})).status
  const answers = [ask()]
  for (let second = 0; second < 4; second++) {
    await vi.advanceTimersByTimeAsync(1100)
    answers.push(ask())
  }
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toBe(1)
  expect(await Promise.all(answers)).toEqual([503, 503, 503, 503, 503])
  const next = ask()
  await vi.advanceTimersByTimeAsync(5000)
  expect(await next).toBe(503)
  expect(asked).toBe(2)
})
