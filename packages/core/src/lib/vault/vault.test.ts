import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { key, replica, type Servers, startServers, url, user } from '../../../test/vault-world.js'
import { memoryStorage } from '../memory-storage.js'
import { createVault } from './create-vault.js'
import type { VaultOptions } from './vault-options.js'

let servers: Servers
beforeAll(async () => {
  servers = await startServers()
})
beforeEach(() => {
  // The provider tells that it runs with its defaults for development, which it does
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  servers.wiki.tokenRequests.length = 0
  servers.wiki.down = undefined
  servers.wiki.hold = undefined
})
afterAll(() => servers.close())

const text = (answer: { result?: unknown }) =>
  (answer.result as { content?: { text: string }[] } | undefined)?.content?.[0]?.text
const canOpenUrls = { elicitation: { url: {} } }
const meta = (capabilities: object) => ({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': capabilities,
})
const whoami = { name: 'whoami', arguments: {} }

test('a caller is led to the vault, connects an account, and from then on is called for with it [attack 148]', async () => {
  const { call, connect, seen } = replica(servers)
  const before = await call('token-of-alice')
  expect(before.error).toMatchObject({ code: -31403, data: { url: `${url}/connect/wiki` } })
  expect(before.error?.message).toContain(`${url}/connect/wiki`)
  expect(seen).toEqual([])
  const { page } = await connect('alice')
  expect(page).toMatchObject({ status: 200, url: `${url}/connect/wiki` })
  expect(page.text).toContain('the &lt;Wiki&gt; is connected')
  expect(text(await call('token-of-alice'))).toBe('alice-at-wiki')
  // Nobody else has got anything by that, and the caller's own token went nowhere
  expect((await call('token-of-bob')).error).toMatchObject({ code: -31403 })
  expect(seen).toHaveLength(1)
  expect(seen.join()).not.toContain('token-of')
  expect(servers.wiki.tokenRequests.join()).not.toContain('token-of')
})
