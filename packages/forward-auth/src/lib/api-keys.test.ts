import type { RequestRecord } from '@mcp-gateway/core'
import { createApiKeys, createApiKeyVerifier } from '@mcp-gateway/core/api-keys'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { describe, expect, test } from 'vitest'
import { createForwardAuth } from './create-forward-auth.js'

const url = 'https://mcp.example.com'
const notes = `${url}/notes/mcp`
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

function world() {
  const keys = createApiKeys({ storage: memoryStorage() })
  const records: RequestRecord[] = []
  const forwardAuth = createForwardAuth({
    url,
    auth: createApiKeyVerifier(keys, { header: 'x-api-key' }),
    dialect: 'forwarded',
    servers: { '/notes/mcp': { requiredScopes: ['notes:read'] }, '/files/mcp': {} },
    logger: quiet,
    observe: (record) => void records.push(record),
  })
  const ask = (headers: Record<string, string>, path = '/notes/mcp', address = '192.0.2.1') => {
    const forwarded = {
      'X-Forwarded-Method': 'POST',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'mcp.example.com',
      'X-Forwarded-Uri': path,
    }
    return forwardAuth.handle(
      new Request('http://forward-auth.internal/auth', { headers: { ...forwarded, ...headers } }),
      {
        client: { address },
      },
    )
  }
  return { keys, forwardAuth, ask, records }
}

describe('keys at a reverse proxy', () => {
  test('let a request pass with the identity of the owner, in either header', async () => {
    const { keys, ask } = world()
    const { key, apiKey } = await keys.create({ owner: { serviceAccount: 'robot' }, name: 'a', scopes: ['notes:read'] })
    for (const headers of [{ Authorization: `Bearer ${key}` }, { 'x-api-key': key }] as Record<string, string>[]) {
      const response = await ask(headers)
      expect(response.status).toBe(200)
      expect(response.headers.get('x-user-id')).toBe('robot')
      expect(response.headers.get('x-client-id')).toBe(apiKey.id)
    }
    expect((await ask({ Authorization: `Bearer ${key}`, 'x-api-key': key })).status).toBe(400)
  })

  test('are held to their servers and addresses, and the reason is in the record alone', async () => {
    const { keys, ask, records } = world()
    const { key } = await keys.create({
      owner: { serviceAccount: 'robot' },
      name: 'a',
      scopes: ['notes:read'],
      servers: [notes],
      addresses: ['192.0.2.0/24'],
    })
    const headers = { Authorization: `Bearer ${key}` }
    expect((await ask(headers)).status).toBe(200)
    for (const [path, address, reason] of [
      ['/files/mcp', '192.0.2.1', 'resource'],
      ['/notes/mcp', '10.0.0.1', 'ip'],
    ] as const) {
      const response = await ask(headers, path, address)
      expect(response.status).toBe(401)
      expect(await response.text()).not.toContain(reason === 'ip' ? '10.0.0.1' : 'files')
      expect(records.at(-1)?.refusal?.cause).toMatchObject({ reason })
    }
  })

  test('name no metadata and serve none', async () => {
    const { ask, forwardAuth } = world()
    expect((await ask({})).headers.get('www-authenticate')).toBe('Bearer scope="notes:read"')
    for (const path of ['/notes/mcp', '']) {
      const request = new Request(`${url}/.well-known/oauth-protected-resource${path}`)
      expect((await forwardAuth.fetch(request)).status).toBe(404)
      expect((await ask({}, `/.well-known/oauth-protected-resource${path}`)).status).toBe(401)
    }
  })
})
