import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { createStdioBridge } from '../../index.js'

test('the arguments of a program that does not start reach no log, whatever the logger [finding 21]', async () => {
  const lines: string[] = []
  const write = (fields: Record<string, unknown>, message: string) =>
    void lines.push(inspect([fields, message], { depth: 6 }))
  const logger = { debug: write, info: write, warn: write, error: write }
  const args = ['--dsn', 'postgres://app:planted-7Qx2@db.internal/app']
  const bridge = createStdioBridge({ command: '/no/such/program', args, logger })
  await expect(bridge.check()).rejects.toMatchObject({ message: expect.not.stringContaining('7Qx2') })
  await bridge.close()
  expect(lines.length).toBeGreaterThan(0)
  expect(lines.filter((line) => line.includes('7Qx2'))).toEqual([])
})
