import { expect, test } from 'vitest'
import { sharedMemory } from '../../../../../test/servers/shared-memory.js'
import { storedSecret } from './shared-secret.js'
import { createSigningKeys } from './signing-keys.js'

const [oldKey, newKey] = ['A'.repeat(43), `${'B'.repeat(42)}A`] as const
const name = 'oauth:keys:https://mcp.example.com:secret'

function start(storage = sharedMemory(), encryptionKeys: readonly string[] = [oldKey]) {
  let time = 1_000_000
  const secret = storedSecret({ storage, name, encryptionKeys, clock: () => time })
  return {
    storage,
    secret,
    hex: async (purpose = 'a') => Buffer.from(await secret(purpose)).toString('hex'),
    wait: (seconds: number) => {
      time += seconds
    },
  }
}

test('processes on one storage have one secret, also where all of them ask first', async () => {
  const storage = sharedMemory()
  const all = await Promise.all(Array.from({ length: 50 }, () => start(storage).hex()))
  expect(new Set(all).size).toBe(1)
  expect(all[0]).toMatch(/^[\da-f]{64}$/)
  expect(await start(sharedMemory()).hex()).not.toBe(all[0])
})

test('each purpose has bytes of its own', async () => {
  const { hex } = start()
  expect(await hex('a')).not.toBe(await hex('b'))
})

test('the storage holds nothing that can be read or used elsewhere', async () => {
  const { storage, hex } = start()
  const before = await hex()
  const { value = '' } = (await storage.get(name)) ?? {}
  expect(value).toMatch(/^eyJ/)
  // What somebody writes there who does not have the key is replaced
  await storage.set(name, JSON.stringify({ secret: 'known to all' }), { ttl: null })
  const after = await start(storage).hex()
  expect(after).not.toBe(before)
  expect(await start(storage).hex()).toBe(after)
})

test('a new encryption key in front of the old one keeps the secret, one in its place makes a new one', async () => {
  const { storage, hex } = start()
  const before = await hex()
  expect(await start(storage, [newKey, oldKey]).hex()).toBe(before)
  const after = await start(storage, [newKey]).hex()
  expect(after).not.toBe(before)
  expect(await start(storage, [newKey, oldKey]).hex()).toBe(after)
})

test('stays while the storage is away, and comes back into one that has lost it', async () => {
  const memory = sharedMemory()
  let isAway = false
  const storage = { ...memory, get: (key: string) => (isAway ? Promise.reject(new Error('away')) : memory.get(key)) }
  const { hex, wait } = start(storage)
  const before = await hex()
  isAway = true
  wait(61)
  expect(await hex()).toBe(before)
  await expect(start(storage).hex()).rejects.toThrow('away')
  isAway = false
  await memory.delete(name)
  wait(61)
  expect(await hex()).toBe(before)
  expect(await start(storage).hex()).toBe(before)
})

test('signing keys give it, from the storage or from configured keys', async () => {
  const stored = { issuer: 'http://127.0.0.1:1', storage: sharedMemory() }
  const [one, two] = [createSigningKeys(stored), createSigningKeys(stored)]
  expect(await one.secret?.('a')).toEqual(await two.secret?.('a'))
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])
  const jwk = { ...(await crypto.subtle.exportKey('jwk', privateKey)), alg: 'ES256', key_ops: undefined } as never
  const configured = { issuer: 'https://mcp.example.com', privateKeys: [jwk] }
  const [three, four] = [createSigningKeys(configured), createSigningKeys(configured)]
  expect(await three.secret?.('a')).toEqual(await four.secret?.('a'))
  expect(await three.secret?.('a')).not.toEqual(await three.secret?.('b'))
})
