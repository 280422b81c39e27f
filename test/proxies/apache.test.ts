import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../scripts/free-port.mjs'
import { createPerson } from '../clients/person.js'
import { findProgram, type Running, startProgram, temporaryFolder } from './process.js'
import { type Listening, listen } from './upstreams.js'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const modules = '/usr/lib/apache2/modules'
const missing = findProgram('apache2') === undefined || !existsSync(`${modules}/mod_oauth2.so`)
if (missing) console.warn('NOT TESTED: Apache httpd with mod_oauth2 (not installed: apache2 libapache2-mod-oauth2)')

/** Apache httpd, which verifies tokens with mod_oauth2: code that has nothing to do with ours. */
async function startApache(jwks: string, port: number): Promise<Running> {
  const folder = temporaryFolder('apache')
  // Its workers run as another user
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'secret.txt'), 'secret')
  const load = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'oauth2']
  writeFileSync(
    join(folder, 'httpd.conf'),
    [
      `ServerRoot ${folder}`,
      'ServerName localhost',
      `PidFile ${folder}/httpd.pid`,
      `Listen 127.0.0.1:${port}`,
      `ErrorLog ${folder}/error.log`,
      `DefaultRuntimeDir ${folder}`,
      ...load.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`),
      ...(process.getuid?.() === 0 ? ['User www-data', 'Group www-data'] : []),
      `DocumentRoot ${folder}`,
      '<Location />',
      '  AuthType oauth2',
      '  Require valid-user',
      `  OAuth2TokenVerify jwks_uri ${jwks} jwks_uri.ssl_verify=false`,
      '</Location>',
      '',
    ].join('\n'),
  )
  const args = ['-f', join(folder, 'httpd.conf'), '-D', 'FOREGROUND']
  return startProgram(findProgram('apache2') ?? 'apache2', args, { folder, port })
}

describe.skipIf(missing)('Apache httpd with mod_oauth2', () => {
  let issuer: string
  let server: Listening
  let apache: Running
  let apachePort: number

  beforeAll(async () => {
    const port = await freePort()
    issuer = `http://127.0.0.1:${port}`
    const auth = createAuthorizationServer({
      issuer,
      storage: memoryStorage(),
      identityProvider: devLogin(),
      logger: silent,
    })
    auth.protect(`${issuer}/mcp`)
    server = await listen(createServer(toNodeHandler(auth, { logger: silent })), port)
    apachePort = await freePort()
    apache = await startApache(`${issuer}/jwks`, apachePort)
  })
  afterAll(async () => {
    await apache?.stop()
    await server?.stop()
  })

  async function obtainToken(): Promise<string> {
    const redirect_uri = 'http://127.0.0.1:33418/callback'
    const registered = await fetch(`${issuer}/register`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [redirect_uri], token_endpoint_auth_method: 'none' }),
    })
    const { client_id } = (await registered.json()) as { client_id: string }
    const code_verifier = 'v'.repeat(43)
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(code_verifier)))
    const query = new URLSearchParams({
      response_type: 'code',
      client_id,
      redirect_uri,
      state: 's',
      resource: `${issuer}/mcp`,
      code_challenge: Buffer.from(digest).toString('base64url'),
      code_challenge_method: 'S256',
    })
    const { callback } = await createPerson({ name: 'ada' }).authorize(`${issuer}/authorize?${query}`)
    const answer = await fetch(`${issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code') ?? '',
        client_id,
        redirect_uri,
        code_verifier,
        resource: `${issuer}/mcp`,
      }),
    })
    return ((await answer.json()) as { access_token: string }).access_token
  }

  test('accepts the tokens of our authorization server, and refuses them once they are changed', async () => {
    const token = await obtainToken()
    const status = async (value?: string) => {
      const headers: HeadersInit = value === undefined ? {} : { Authorization: `Bearer ${value}` }
      return (await fetch(`http://127.0.0.1:${apachePort}/secret.txt`, { headers })).status
    }
    expect(await status(token)).toBe(200)
    const [head, body = '', signature] = token.split('.')
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'mallory' })).toString('base64url')
    expect(await status(`${head}.${forged}.${signature}`)).toBe(401)
    expect(await status()).toBe(401)
  })
})
