import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createTokenVerifier, type TokenVerifier } from '@mcp-gateway/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { audience, claims, compact, issuer, keySet, sign, testKey } from '../../packages/core/test/issuer.js'
import { freePort } from '../../scripts/free-port.mjs'
import { findProgram, type Running, startProgram, temporaryFolder } from '../proxies/process.js'

const modules = '/usr/lib/apache2/modules'
const apache = existsSync(`${modules}/mod_oauth2.so`) ? findProgram('apache2') : undefined
if (apache === undefined)
  console.warn('SKIPPED: mod_oauth2; install apache2 and libapache2-mod-oauth2 to check against it')

const [rs256, es256, foreign] = await Promise.all([
  testKey('RS256', 'one'),
  testKey('ES256', 'two'),
  testKey('RS256', 'one'),
])

// An independent resource server of another language and another library, with the same keys, issuer and audience.
describe.skipIf(apache === undefined)('mod_oauth2 and createTokenVerifier', () => {
  let keys: Server
  let running: Running | undefined
  let port: number
  let verifier: TokenVerifier

  beforeAll(async () => {
    keys = createServer((_, response) => {
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(keySet(rs256, es256)))
    })
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
    const jwksUri = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/jwks`
    verifier = createTokenVerifier({ issuer, audience, jwksUri })
    port = await freePort()
    const folder = temporaryFolder('mod-oauth2')
    chmodSync(folder, 0o755)
    mkdirSync(join(folder, 'documents'))
    writeFileSync(join(folder, 'documents', 'index.html'), 'let through')
    const load = ['mpm_event', 'authn_core', 'authz_core', 'oauth2'].map(
      (name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`,
    )
    const configuration = `
ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
ErrorLog ${folder}/error.log
LogLevel error
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
${load.join('\n')}
DocumentRoot ${folder}/documents
<Location />
  AuthType oauth2
  OAuth2TokenVerify jwks_uri ${jwksUri} verify.exp=required&verify.iat=required&verify.iat.slack_before=86400
  <RequireAll>
    Require oauth2_claim iss:${issuer}
    Require oauth2_claim aud:${audience}
  </RequireAll>
</Location>`
    writeFileSync(join(folder, 'apache.conf'), configuration)
    running = await startProgram(apache as string, ['-f', join(folder, 'apache.conf'), '-DFOREGROUND'], {
      folder,
      port,
    })
  })

  afterAll(async () => {
    await running?.stop()
    keys.close()
  })

  const ours = (token: string) =>
    verifier.verifyAccessToken(token).then(
      () => true,
      () => false,
    )
  const theirs = async (token: string) => {
    const url = `http://127.0.0.1:${port}/index.html`
    const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` } })
    const body = await response.text()
    if (response.status !== 401) expect([response.status, body]).toEqual([200, 'let through'])
    return response.status === 200
  }

  const now = Math.floor(Date.now() / 1000)

  test.each([
    ['RS256', () => sign(rs256)],
    ['ES256', () => sign(es256)],
    ['an audience among others', () => sign(rs256, { aud: ['https://other.example', audience] })],
    ['claims that nobody knows', () => sign(es256, { nested: { a: [1, 'é', null] } })],
    ['a long life', () => sign(rs256, { exp: now + 10 ** 8 })],
  ])('both accept %s', async (_, make) => {
    const token = await make()
    expect([await ours(token), await theirs(token)]).toEqual([true, true])
  })

  test.each([
    ['[attack 120] no signature', async () => compact({ alg: 'none', typ: 'at+jwt' }, claims())],
    [
      '[attack 120] a signature of zeros',
      async () => compact({ alg: 'ES256', kid: 'two', typ: 'at+jwt' }, claims(), new Uint8Array(64)),
    ],
    ['[attack 120] the key of somebody else under a known kid', () => sign(foreign)],
    ['[attack 122] an unknown kid', () => sign(foreign, {}, { kid: 'three' })],
    ['[attack 124] an expiry past', () => sign(rs256, { exp: now - 60 })],
    ['[attack 124] no expiry', () => sign(rs256, { exp: undefined })],
    ['[attack 124] no time of issue', () => sign(rs256, { iat: undefined })],
    ['[attack 125] another audience', () => sign(rs256, { aud: 'https://mcp.example.com/files/mcp' })],
    ['[attack 125] no audience', () => sign(rs256, { aud: undefined })],
    ['[attack 126] another issuer', () => sign(rs256, { iss: `${issuer}/` })],
    ['[attack 127] no JWT', async () => 'gho_16C7e42F292c6912E7710c838347Ae178B4a'],
    [
      'a changed payload',
      async () =>
        (await sign(rs256)).replace(
          /\.[^.]+\./,
          `.${btoa(JSON.stringify(claims({ sub: 'root' }))).replaceAll('=', '')}.`,
        ),
    ],
  ])('both refuse %s', async (_, make) => {
    const token = await make()
    expect([await ours(token), await theirs(token)]).toEqual([false, false])
  })

  test.each([
    ['[attack 123] an ID token', () => sign(rs256, {}, { typ: 'JWT' })],
    ['[attack 123] a logout token', () => sign(rs256, {}, { typ: 'logout+jwt' })],
    ['[attack 124] a token without a client', () => sign(rs256, { client_id: undefined })],
    ['[attack 124] a token that is not valid yet', () => sign(rs256, { nbf: now + 3600 })],
  ])('ours alone refuses %s', async (_, make) => {
    const token = await make()
    expect([await ours(token), await theirs(token)]).toEqual([false, true])
  })
})
