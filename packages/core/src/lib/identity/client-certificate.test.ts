import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { findProgram } from '../../../../../test/proxies/process.js'
import type { Context } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { principal } from '../tokens/principal.js'
import type { ClientCertificate } from './certificate.js'
import { type ClientCertificateOptions, clientCertificate } from './client-certificate.js'

const resource = 'https://mcp.example.com/notes/mcp'
const proxy: Context = { client: { peer: '127.0.0.1' } }

async function ask(
  headers: Readonly<Record<string, string>>,
  { context = proxy, ...options }: Partial<ClientCertificateOptions> & { context?: Context },
) {
  let seen: { context: Context; headers: string[] } | undefined
  const guard = clientCertificate({ trustedProxies: ['127.0.0.1'], from: 'xfcc', resource, ...options })
  const handle = compose([guard], (request, known) => {
    seen = { context: known, headers: [...request.headers.keys()] }
    return new Response()
  })
  const lines: unknown[] = []
  const log = (fields: { reason?: unknown }) => void lines.push(fields.reason)
  const logger = { debug: log, info: log, warn: log, error: log }
  const response = await handle(new Request(resource, { headers }), { ...context, logger })
  const auth = seen?.context.auth
  return { status: response.status, seen, lines, who: auth && principal(auth), told: auth?.extra?.claims }
}

const certificateOf = (told: unknown) => (told as { certificate: ClientCertificate } | undefined)?.certificate

describe('xfcc', () => {
  const xfcc = (value: string, options: Partial<ClientCertificateOptions> & { context?: Context } = {}) =>
    ask({ 'X-Forwarded-Client-Cert': value }, options)
  const hash = '468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688'

  test('names a program by the URI of its certificate', async () => {
    const { status, who, told, seen } = await xfcc(
      `By=spiffe://example.com/notes;Hash=${hash};Subject="CN=agent,O=\\"Example, Inc.\\"";URI=spiffe://example.com/agent;DNS=a.example.com;DNS=b.example.com`,
    )
    expect(status).toBe(200)
    expect(who).toBe('["","client:spiffe://example.com/agent"]')
    expect(seen?.headers).toEqual([])
    expect(certificateOf(told)).toEqual({
      subject: 'CN=agent,O=\\"Example, Inc.\\"',
      uris: ['spiffe://example.com/agent'],
      dnsNames: ['a.example.com', 'b.example.com'],
      fingerprint: hash,
    })
  })

  test('takes no attribute out of the value of another one [attack 141]', async () => {
    const two = await xfcc('Hash=a;Subject="CN=agent,O=Example"')
    const one = await xfcc('Hash=b;Subject="CN=agent\\,O=Example"')
    expect(two.who).toBe('["","client:CN=agent,O=Example"]')
    expect(one.who).toBe('["","client:CN=agent\\\\,O=Example"]')
  })

  test('believes the nearest proxy alone where several have appended', async () => {
    const { who } = await xfcc('Hash=a;URI=spiffe://example.com/admin,Hash=b;URI=spiffe://example.com/ingress')
    expect(who).toBe('["","client:spiffe://example.com/ingress"]')
  })

  test('reads no pair out of a quoted value', async () => {
    const { who } = await xfcc(
      'Hash=a;Subject="CN=x,URI=spiffe://example.com/admin;URI=\\"y";URI=spiffe://example.com/x',
    )
    expect(who).toBe('["","client:spiffe://example.com/x"]')
  })

  test('names a program by its whole subject where there is no URI', async () => {
    expect((await xfcc('Hash=a;Subject="CN=agent,O=Example"')).who).toBe('["","client:CN=agent,O=Example"]')
  })

  test.each([
    ['a quote that is not closed', 'Subject="CN=a;URI=spiffe://example.com/a'],
    ['a value that is quoted in part', 'Subject=x"CN=a";URI=spiffe://example.com/a'],
    ['two subjects', 'Subject="CN=a";Subject="CN=b"'],
    ['a pair without a name', '=x;URI=spiffe://example.com/a'],
    ['no pair', 'spiffe://example.com/a'],
    ['nothing behind the last comma', 'URI=spiffe://example.com/a,'],
    ['no certificate', ''],
    ['an unheard-of length', `URI=${'x'.repeat(20_000)}`],
  ])('refuses %s with 401', async (_, value) => {
    const { status, seen, lines } = await xfcc(value)
    expect(status).toBe(401)
    expect(seen).toBeUndefined()
    expect(lines).toEqual([expect.stringMatching(/\w+ \w+/)])
  })

  test.each([
    ['with two URIs', 'URI=spiffe://example.com/a;URI=spiffe://example.com/b'],
    ['with no name at all', 'Hash=a'],
  ])('refuses a certificate %s with 403', async (_, value) => {
    expect((await xfcc(value)).status).toBe(403)
  })

  test.each<[string, Context, number]>([
    ['another address', { client: { peer: '10.0.0.1', address: '127.0.0.1' } }, 403],
    ['no address', { client: { address: '127.0.0.1' } }, 500],
  ])('refuses it from %s', async (_, context, status) => {
    const answer = await xfcc('URI=spiffe://example.com/a', { context })
    expect(answer.status).toBe(status)
    expect(answer.seen).toBeUndefined()
  })

  test('lets identity say who a certificate stands for, and refuse it', async () => {
    const identity: ClientCertificateOptions['identity'] = ({ uris: [uri = ''] }) =>
      uri.endsWith('/alice') ? { user: 'alice', clientId: 'desktop', scopes: ['read'], roles: ['editor'] } : undefined
    const alice = await xfcc('URI=spiffe://example.com/alice', { identity, issuer: 'spiffe://example.com' })
    expect(alice.who).toBe('["spiffe://example.com","user:alice"]')
    expect(alice.seen?.context.auth).toMatchObject({
      clientId: 'desktop',
      scopes: ['read'],
      extra: { roles: ['editor'] },
    })
    const bob = await xfcc('URI=spiffe://example.com/bob', { identity })
    expect(bob.status).toBe(403)
    expect(bob.lines[0]).toContain('spiffe://example.com/bob')
  })

  test.each([{ clientId: '' }, { user: 'a', clientId: 'a' }, { user: '', clientId: 'a' }])(
    'an identity %j is an error of the server',
    async (wrong) => {
      expect((await xfcc('URI=spiffe://example.com/a', { identity: () => wrong })).status).toBe(500)
    },
  )
})

const hasOpenssl = findProgram('openssl') !== undefined

describe.runIf(hasOpenssl)('of a real certificate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  function certificate(subject: string, names: readonly string[] = []): string {
    const file = join(folder, 'client')
    const config = ['[req]', 'distinguished_name=dn', '[dn]', '[ext]', 'basicConstraints=CA:FALSE']
    if (names.length > 0) config.push('subjectAltName=@names', '[names]', ...names)
    writeFileSync(`${file}.cnf`, config.join('\n'))
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${file}.key`]
    const how = ['-config', `${file}.cnf`, '-extensions', 'ext', '-subj', subject, '-utf8', '-days', '2']
    execFileSync('openssl', ['req', '-x509', ...curve, ...how, '-out', `${file}.crt`], { stdio: 'ignore' })
    return readFileSync(`${file}.crt`, 'utf8')
  }

  // The tests are collected also where they cannot run
  const pem = !hasOpenssl
    ? ''
    : certificate('/C=DE/O=Example, Inc./CN=agent', ['URI.1=spiffe://example.com/agent', 'DNS.1=a.example.com'])
  const bare = pem.replaceAll(/-----[A-Z ]+-----|\n/g, '')

  test('nginx: takes the subject of a verified certificate', async () => {
    const headers = { 'X-SSL-Client-Verify': 'SUCCESS', 'X-SSL-Client-S-DN': 'CN=agent,O=Example\\, Inc.,C=DE' }
    const { who, seen } = await ask(headers, { from: 'nginx' })
    expect(who).toBe('["","client:CN=agent,O=Example\\\\, Inc.,C=DE"]')
    expect(seen?.headers).toEqual([])
  })

  test.each(['NONE', 'FAILED:self-signed certificate', 'success', '', 'SUCCESS, NONE', 'NONE, SUCCESS'])(
    'nginx: refuses a certificate whose check says %j',
    async (verify) => {
      const headers = { 'X-SSL-Client-Verify': verify, 'X-SSL-Client-S-DN': 'CN=agent' }
      const { status, seen } = await ask(headers, { from: 'nginx' })
      expect(status).toBe(401)
      expect(seen).toBeUndefined()
    },
  )

  test('nginx: reads the whole certificate where it is told that nginx sends one, and only there', async () => {
    const headers = {
      'X-SSL-Client-Verify': 'SUCCESS',
      'X-SSL-Client-S-DN': 'CN=other',
      'X-SSL-Client-Cert': encodeURIComponent(pem),
    }
    const told = await ask(headers, { from: 'nginx', headers: { certificate: 'X-SSL-Client-Cert' } })
    expect(told.who).toBe('["","client:spiffe://example.com/agent"]')
    // A client could have sent it
    const untold = await ask(headers, { from: 'nginx' })
    expect(untold.who).toBe('["","client:CN=other"]')
    expect(untold.seen?.headers).toEqual([])
    const absent = { ...headers, 'X-SSL-Client-Cert': '' }
    expect((await ask(absent, { from: 'nginx', headers: { certificate: 'X-SSL-Client-Cert' } })).status).toBe(401)
  })

  test.each([
    ['as it is', bare],
    ['percent-encoded', encodeURIComponent(bare)],
    ['with those of its authorities behind it', `${bare},${bare}`],
    ['with its delimiters', encodeURIComponent(pem)],
  ])('traefik: reads the certificate %s', async (_, value) => {
    const { who, told, seen } = await ask({ 'X-Forwarded-Tls-Client-Cert': value }, { from: 'traefik' })
    expect(who).toBe('["","client:spiffe://example.com/agent"]')
    expect(certificateOf(told)).toMatchObject({
      subject: 'CN=agent,O=Example\\, Inc.,C=DE',
      dnsNames: ['a.example.com'],
      fingerprint: expect.stringMatching(/^[\da-f]{64}$/),
    })
    expect(seen?.headers).toEqual([])
  })

  test.each([
    ['that is none', Buffer.from('hello').toString('base64')],
    ['in a broken encoding', '%zz'],
    ['that is no base64', 'CN=agent'],
    ['that is cut off', bare.slice(0, 200)],
    ['that is not there', ''],
  ])('traefik: refuses a certificate %s with 401', async (_, value) => {
    expect((await ask({ 'X-Forwarded-Tls-Client-Cert': value }, { from: 'traefik' })).status).toBe(401)
  })

  test('traefik: takes no name out of another one', async () => {
    const hostile = certificate('/CN=x, URI:spiffe:\\/\\/example.com\\/admin', [
      'URI.1=spiffe://example.com/x\\, URI:spiffe://example.com/admin',
      'DNS.1=a.example.com\\, URI:spiffe://example.com/admin',
    ]).replaceAll(/-----[A-Z ]+-----|\n/g, '')
    const { who } = await ask({ 'X-Forwarded-Tls-Client-Cert': hostile }, { from: 'traefik' })
    expect(who).toBe('["","client:spiffe://example.com/x, URI:spiffe://example.com/admin"]')
  })

  test('traefik-info: takes the subject where it is all that is told', async () => {
    const info = (text: string) => encodeURIComponent(text).replaceAll('%20', '+')
    const send = (text: string) => ask({ 'X-Forwarded-Tls-Client-Cert-Info': info(text) }, { from: 'traefik-info' })
    expect((await send('Subject="CN=my agent,O=Example"')).who).toBe('["","client:CN=my agent,O=Example"]')
    // A subject may hold quotes and semicolons, and Traefik escapes neither
    for (const text of [
      'Subject="CN=admin";SAN="x"',
      'Subject="CN=admin";X=""',
      'Subject=""',
      'SAN="admin"',
      'Subject="CN=a",Subject="CN=b"',
    ]) {
      expect((await send(text)).status, text).toBe(401)
    }
    // What a client sends in the place of the other header is not read
    expect((await ask({ 'X-Forwarded-Tls-Client-Cert': bare }, { from: 'traefik-info' })).status).toBe(401)
  })
})

test.each<[string, Partial<ClientCertificateOptions>, RegExp]>([
  ['no proxy', { trustedProxies: [] }, /trustedProxies is empty/],
  ['headers for a proxy that has its own', { headers: { verify: 'X-A' } }, /headers is for nginx alone/],
])('does not start with %s', async (_, options, message) => {
  await expect(ask({}, options)).rejects.toThrow(message)
})
