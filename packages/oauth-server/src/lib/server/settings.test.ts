import { memoryStorage } from '@mcp-gateway/core/storage'
import { expect, test } from 'vitest'
import { sharedMemory } from '../../../../../test/servers/shared-memory.js'
import { devLogin } from '../identity-providers/dev-login.js'
import { github } from '../identity-providers/github.js'
import type { AuthorizationServerOptions } from './options.js'
import { readSettings } from './settings.js'

const storage = memoryStorage()
const people = github({ clientId: 'id', clientSecret: 'secret', allow: 'anyone' })
const encryptionKeys = [Buffer.alloc(32, 7).toString('base64')]
const onPublic = { issuer: 'https://login.example.com', storage, identityProvider: people, encryptionKeys }

test('a public issuer refuses memory, and any other storage that works within one process only [attack 35]', () => {
  expect(() => readSettings(onPublic)).toThrow(/dangerouslyAllowSingleProcessStorage/)
})

test.each<[string, AuthorizationServerOptions]>([
  ['on loopback', { issuer: 'http://127.0.0.1:8787', storage, identityProvider: devLogin() }],
  ['where the operator insists', { ...onPublic, dangerouslyAllowSingleProcessStorage: true }],
  ['that is shared', { ...onPublic, storage: sharedMemory() }],
])('accepts a storage %s', (_title, options) => {
  expect(readSettings(options).issuer).toBe(options.issuer)
})

test.each([
  ['none', {}],
  ['an empty list of them', { encryptionKeys: [] }],
])('a public issuer with %s of the keys for what it stores names options that it has', (_, keys) => {
  const storage = sharedMemory()
  expect(() => readSettings({ issuer: onPublic.issuer, identityProvider: people, storage, ...keys })).toThrow(
    /set `encryptionKeys` .* or give `signingKeys`/,
  )
})
