import { expect, test, vi } from 'vitest'
import { sharedMemory } from '../../../../../test/servers/shared-memory.js'
import type { OAuthClient } from '../oauth-client/oauth-client-options.js'
import { principal } from '../tokens/principal.js'
import { Grants } from './grants.js'
import type { VaultOptions } from './vault-options.js'
import { vaultToken } from './vault-token.js'

const auth = { token: 't', clientId: 'c', scopes: [], extra: { issuer: 'https://as.example', subject: 'alice' } }
const upstreams = {
  wiki: { issuer: 'https://wiki.example', clientId: 'gateway', clientSecret: 's', scope: 'read' },
} as unknown as VaultOptions['upstreams']

/** Replicas that share a store, a grant whose token has ended, and an upstream whose tokens end as it says. */
async function world(expiresIn: number | undefined, replicas = 1) {
  const storage = sharedMemory()
  let given = 0
  const refresh = vi.fn(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    given++
    return { accessToken: `token-${given}`, refreshToken: `refresh-${given}`, expiresIn }
  })
  const client = { refresh } as unknown as OAuthClient
  const connect = { url: 'https://mcp.example.com/connect/wiki', title: 'the wiki' }
  const all = Array.from({ length: replicas }, () => {
    const grants = new Grants({ storage, upstreams } as VaultOptions)
    return { grants, token: vaultToken({ upstream: 'wiki', client, grants, now: Date.now, connect }) }
  })
  const [first] = all as [(typeof all)[0]]
  const who = principal(auth)
  await first.grants.save({
    key: await first.grants.key(who, 'wiki'),
    principal: who,
    upstream: 'wiki',
    issuer: 'https://wiki.example',
    clientId: 'gateway',
    accessToken: 'token-0',
    refreshToken: 'refresh-0',
    connectedAt: 0,
    expiresAt: 0,
    freshUntil: 0,
  })
  return { refresh, all, get: (replica = 0) => all[replica]?.token.get({ auth }) }
}

test.each([0, 1, 0.5])(
  'a token that is good for %d seconds is used once, with one refresh for each call',
  async (seconds) => {
    const { get, refresh } = await world(seconds)
    expect(await get()).toBe('token-1')
    expect(refresh).toHaveBeenCalledTimes(1)
    if (seconds > 0) return
    expect(await get()).toBe('token-2')
    expect(refresh).toHaveBeenCalledTimes(2)
  },
)

test('callers at once, in one replica or several, share what one of them was given', async () => {
  const { get, refresh } = await world(0, 3)
  const tokens = await Promise.all(Array.from({ length: 30 }, (_, index) => get(index % 3)))
  expect(new Set(tokens).size).toBeLessThanOrEqual(3)
  expect(refresh.mock.calls.length).toBeLessThanOrEqual(3)
})

test('a token without a lifetime is kept until the upstream refuses it', async () => {
  const { get, refresh, all } = await world(undefined)
  expect([await get(), await get()]).toEqual(['token-1', 'token-1'])
  await all[0]?.token.drop({ auth }, 'token-1', false)
  expect(await get()).toBe('token-2')
  expect(refresh).toHaveBeenCalledTimes(2)
})
