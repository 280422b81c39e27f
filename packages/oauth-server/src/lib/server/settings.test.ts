import { memoryStorage } from '@mcp-gateway/core/storage'
import { expect, test } from 'vitest'
import { devLogin } from '../identity-providers/dev-login.js'
import { github } from '../identity-providers/github.js'
import type { AuthorizationServerOptions } from './options.js'
import { readSettings } from './settings.js'

const storage = { ...memoryStorage(), singleProcess: true } as const
const people = github({ clientId: 'id', clientSecret: 'secret', allow: 'anyone' })
const onPublic = { issuer: 'https://login.example.com', storage, identityProvider: people }

test('a public issuer refuses a storage that is atomic within one process only [attack 35]', () => {
  expect(() => readSettings(onPublic)).toThrow(/dangerouslyAllowSingleProcessStorage/)
})

test.each<[string, AuthorizationServerOptions]>([
  ['on loopback', { issuer: 'http://127.0.0.1:8787', storage, identityProvider: devLogin() }],
  ['where the operator insists', { ...onPublic, dangerouslyAllowSingleProcessStorage: true }],
  ['that is shared', { ...onPublic, storage: memoryStorage() }],
])('accepts a storage %s', (_title, options) => {
  expect(readSettings(options).issuer).toBe(options.issuer)
})
