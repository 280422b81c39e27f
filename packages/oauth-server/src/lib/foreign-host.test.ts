import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { setUp } from '../../test/fixture.js'
import { type Listening, listen } from '../../test/listen.js'

let at: Listening
beforeAll(async () => {
  at = await listen({ resourceServers: [{ client_id: 'rs', client_secret: 's'.repeat(16), resources: [] }] })
})
afterAll(() => at.close())

/** A request as a browser sends it whose user is on a page of `host`, rebound to this machine. */
function ask(method: string, path: string, host: string): Promise<{ status: number; headers: NodeJS.Dict<unknown> }> {
  const { port } = new URL(at.issuer)
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers: { host } }, (response) => {
      response.resume()
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }))
    })
    sent.once('error', reject)
    sent.end()
  })
}

const endpoints: [string, string][] = [
  ['GET', '/.well-known/oauth-authorization-server'],
  ['GET', '/.well-known/openid-configuration'],
  ['GET', '/jwks'],
  ['POST', '/register'],
  ['OPTIONS', '/register'],
  ['GET', '/register/client_x'],
  ['DELETE', '/register/client_x'],
  ['GET', '/authorize?client_id=x'],
  ['POST', '/authorize'],
  ['POST', '/consent'],
  ['GET', '/login?state=x'],
  ['POST', '/login'],
  ['GET', '/callback/dev?state=x'],
  ['POST', '/token'],
  ['POST', '/revoke'],
  ['POST', '/introspect'],
]

test.each(endpoints)('%s %s is not for a page that rebound its name [finding 19, attack 150]', async (method, path) => {
  const { port } = new URL(at.issuer)
  for (const host of [`evil.example.com:${port}`, `127.0.0.1.evil.example.com:${port}`]) {
    const refused = await ask(method, path, host)
    expect(refused.status).toBe(403)
    expect(refused.headers).not.toHaveProperty('access-control-allow-origin')
    expect(refused.headers).not.toHaveProperty('set-cookie')
  }
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
    const { status, headers } = await ask(method, path, host)
    if (/well-known|jwks/.test(path)) expect(status).toBe(200)
    else if (method === 'OPTIONS') expect(status).toBe(204)
    else expect([status, headers['content-type']]).not.toEqual([403, 'application/json'])
  }
})

test('a public issuer leaves names to its proxy, and allowedHosts says otherwise [finding 19]', async () => {
  const options = { issuer: 'https://auth.example.com', identityProvider: stranger, encryptionKeys: [key] }
  const open = setUp({ ...options, dangerouslyAllowSingleProcessStorage: true })
  const headers = { host: '10.0.0.7:3000' }
  expect((await open.call('/.well-known/oauth-authorization-server', { headers })).status).toBe(200)
  const named = setUp({ ...options, dangerouslyAllowSingleProcessStorage: true, allowedHosts: ['auth.example.com'] })
  expect((await named.call('/.well-known/oauth-authorization-server', { headers })).status).toBe(403)
  expect((await named.call('/.well-known/oauth-authorization-server')).status).toBe(200)
})

const key = Buffer.alloc(32, 7).toString('base64')
const stranger = {
  name: 'x',
  title: 'X',
  begin: async () => ({ refused: 'access_denied' as const, reason: '' }),
  complete: async () => ({ refused: 'access_denied' as const, reason: '' }),
}
