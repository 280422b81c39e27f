import { GatewayError } from '@mcp-gateway/core'
import { expect, test } from 'vitest'
import { createStdioBridge, type StdioBridgeOptions } from '../../index.js'
import { childEnvironment } from './options.js'

test.each<[string, object]>([
  ['command', {}],
  ['command', { command: '' }],
  ['command', { command: ['node'] }],
  ['args', { command: 'node', args: 'server.js' }],
  ['args', { command: 'node', args: [1] }],
  ['NUL', { command: 'node', args: ['a\0b'] }],
  ['env["A"]', { command: 'node', env: { A: 1 } }],
  ['env', { command: 'node', env: { 'A=B': 'x' } }],
  ['cwd', { command: 'node', cwd: '' }],
  ['isolation', { command: 'node', isolation: 'none' }],
  ['maxSessions', { command: 'node', maxSessions: 0 }],
  ['requestTimeout', { command: 'node', requestTimeout: Number.NaN }],
  ['prewarmed', { command: 'node', prewarmed: -1 }],
  ['historyBytes', { command: 'node', historyBytes: -1 }],
  ['stopGrace', { command: 'node', stopGrace: [1] }],
])('says at construction what is wrong with %s', (name, options) => {
  const create = () => createStdioBridge(options as StdioBridgeOptions)
  expect(create).toThrow(GatewayError)
  expect(create).toThrow(name)
})

test('[S5] a child inherits nothing of the environment but the few names that it needs', () => {
  process.env.SECRET_FOR_TEST = 's3cret'
  try {
    const environment = childEnvironment({ OWN: '1' })
    expect(environment.SECRET_FOR_TEST).toBeUndefined()
    expect(environment.PATH).toBe(process.env.PATH)
    expect(environment.OWN).toBe('1')
  } finally {
    delete process.env.SECRET_FOR_TEST
  }
})

test('construction starts nothing', async () => {
  const bridge = createStdioBridge({ command: 'no such program', prewarmed: 3 })
  expect(bridge.stats()).toMatchObject({ children: 0, spawned: 0, prewarmed: 0 })
  await bridge.close()
})
