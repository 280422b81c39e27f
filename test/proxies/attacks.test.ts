import { once } from 'node:events'
import { get } from 'node:http'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestIssuer } from './issuer.js'
import { installedProxies, proxies } from './proxies.js'
import type { RawRequest } from './raw-request.js'
import { type Rig, startRig } from './rig.js'
import type { Seen } from './upstreams.js'

const identity = [
  'x-user-id',
  'x-user-name',
  'x-user-email',
  'x-roles',
  'x-scopes',
  'x-client-id',
  'x-identity-assertion',
]
const logged: string[] = []
const log = (fields: Record<string, unknown>, message: string) =>
  void logged.push(`${message} ${JSON.stringify(fields)}`)

describe.each(proxies)('attacks through $name', (kind) => {
  const issuer = createTestIssuer()
  let rig: Rig
  let token: string
  let bearer: readonly [string, string]
  let other: string

  beforeAll(async () => {
    rig = await startRig(kind, (url) => {
      other = url.replace('localhost', 'other.test')
      return createForwardAuth({
        url,
        auth: issuer.authority,
        dialect: kind.dialect,
        servers: {
          '/notes/mcp': { requiredScopes: ['mcp'] },
          '/files/mcp': {},
          [`${other}/mcp`]: {},
          // The proxy knows neither this host nor this path
          [`${url.replace('localhost', 'third.test')}/mcp`]: {},
          [`${other}/files/mcp`]: {},
        },
        allowedOrigins: [url, 'https://app.example.com'],
        logger: { debug: log, info: log, warn: log, error: log },
      })
    })
    token = await issuer.token(`${rig.url}/notes/mcp`)
    bearer = ['Authorization', `Bearer ${token}`]
  })
  afterAll(() => rig?.stop())

  /** Sends a request, and returns the answer with what came through to the server behind. */
  async function probe(request: RawRequest) {
    const before = rig.notes.seen.length
    const answer = await rig.send(request)
    return { ...answer, seen: rig.notes.seen.slice(before) }
  }

  function expectAlice(seen: Seen | undefined): void {
    const told = Object.fromEntries(identity.map((name) => [name, seen?.headers[name]]))
    expect(told).toEqual({
      'x-user-id': ['alice'],
      'x-user-name': ['ada'],
      'x-user-email': ['ada@example.com'],
      'x-roles': ['-'],
      'x-scopes': ['mcp'],
      'x-client-id': ['client-1'],
      'x-identity-assertion': ['-'],
    })
  }

  test('[attack 139] replaces identity headers of the client, however they are written', async () => {
    const forged = [...identity, 'X-USER-ID', 'x-user-ID', 'X-Auth-Token', 'X-Forwarded-User', 'Remote-User'].map(
      (name) => [name, 'evil'] as const,
    )
    const { status, seen } = await probe({ target: '/notes/mcp', headers: [bearer, ...forged] })
    expect(status).toBe(200)
    expectAlice(seen[0])
    expect(JSON.stringify(seen)).not.toContain('evil')
  })

  test('[attack 139] lets nothing through with an identity of the client alone', async () => {
    const forged = identity.map((name) => [name, 'evil'] as const)
    for (const request of [
      { target: '/notes/mcp', headers: forged },
      { target: '/notes/mcp', headers: [['Authorization', 'Bearer x'], ...forged] as const },
      { target: '/nowhere', headers: forged },
      { method: 'OPTIONS', target: '/notes/mcp', headers: forged },
      { target: '/.well-known/oauth-protected-resource/notes/mcp', headers: forged },
    ]) {
      expect((await probe(request)).seen).toEqual([])
    }
  })

  test.each([
    'X_User_Id',
    'x_user-id',
    'X-User_Id',
    'X.User.Id',
    'x-user.id',
    'X-User~Id',
    "X-User'Id",
    'X_Roles',
    'X.Identity.Assertion',
  ])('[attack 140] lets no %s through', async (name) => {
    const { seen } = await probe({ target: '/notes/mcp', headers: [bearer, [name, 'evil']] })
    for (const entry of seen) expectAlice(entry)
    expect(JSON.stringify(seen)).not.toContain('evil')
  })

  test.each([
    [
      'a header twice',
      [
        ['X-User-Id', 'evil'],
        ['X-User-Id', 'evil2'],
      ],
    ],
    ['a header that Connection lists', [['Connection', 'close, X-User-Id, X-Roles, X-Client-Id']]],
    [
      'both',
      [
        ['X-User-Id', 'evil'],
        ['Connection', 'close, X-User-Id'],
        ['Connection', 'X-Scopes'],
      ],
    ],
    [
      'proxy headers that Connection lists',
      [['Connection', 'close, X-Forwarded-Uri, X-Original-URL, X-Forwarded-Host']],
    ],
  ] as const)('[attack 140] keeps the identity whole with %s', async (_, headers) => {
    const { status, seen } = await probe({ target: '/notes/mcp', headers: [bearer, ...headers] })
    expect(status).toBe(200)
    expectAlice(seen[0])
    expect(seen[0]?.headers.connection?.join() ?? '').not.toMatch(/x-/i)
  })

  test.each([' X-User-Id', 'X-User-Id '])('[attack 140] refuses a header name with a space: "%s"', async (name) => {
    const { seen } = await probe({ target: '/notes/mcp', headers: [bearer, ['X-Test', 'a'], [name, 'evil']] })
    for (const entry of seen) expectAlice(entry)
  })

  test.each([
    ['CR and LF', 'ada\r\nX-Roles: admin', 'ada%0D%0AX-Roles: admin'],
    ['NUL', 'ada\u0000', 'ada%00'],
    ['other alphabets', 'Адa 名', '%D0%90%D0%B4a %E5%90%8D'],
    ['an obs-fold', 'ada\n admin', 'ada%0A admin'],
    ['spaces at its ends', ' ada ', '%20ada%20'],
    ['a percent sign', 'a%0Ab', 'a%250Ab'],
    ['a placeholder', '{env.HOME}%{HOME}e', '%7Benv.HOME%7D%25%7BHOME%7De'],
    ['the sign for nobody', '-', '%2D'],
    ['half a surrogate pair', 'a\ud800', 'a%EF%BF%BD'],
    ['nothing', '', '-'],
    ['no text', { admin: true }, '-'],
  ])('[attack 141] encodes a claim with %s', async (_, claim, expected) => {
    const crafted = await issuer.token(`${rig.url}/notes/mcp`, { preferred_username: claim })
    const { status, seen } = await probe({ target: '/notes/mcp', headers: [['Authorization', `Bearer ${crafted}`]] })
    expect(status).toBe(200)
    expect(seen[0]?.headers['x-user-name']).toEqual([expected])
    expect(seen[0]?.headers['x-roles']).toEqual(['-'])
  })

  test('[attack 141] keeps roles apart that hold the separator, and refuses what is too long', async () => {
    const roles = await issuer.token(`${rig.url}/notes/mcp`, { roles: ['a,admin', 'b c', '-'] })
    const { seen } = await probe({ target: '/notes/mcp', headers: [['Authorization', `Bearer ${roles}`]] })
    expect(seen[0]?.headers['x-roles']).toEqual(['a%2Cadmin,b%20c,-'])
    const long = await issuer.token(`${rig.url}/notes/mcp`, { email: 'x'.repeat(3000) })
    const refused = await probe({ target: '/notes/mcp', headers: [['Authorization', `Bearer ${long}`]] })
    expect(refused).toMatchObject({ status: 403, seen: [] })
  })

  test('[attack 142] believes no forwarding header of the client', async () => {
    const public_ = '/.well-known/oauth-protected-resource/notes/mcp'
    const forged = (path: string, host: string) =>
      [
        ['X-Forwarded-Uri', path],
        ['X-Forwarded-Host', host],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Method', 'OPTIONS'],
        ['X-Forwarded-For', '10.9.9.9'],
        ['X-Forwarded-Prefix', '/evil'],
        ['X-Forwarded-Port', '1'],
        ['X-Original-URL', `https://${host}${path}`],
        ['X-Original-URI', path],
        ['X-Original-Method', 'OPTIONS'],
        ['X-Rewrite-URL', path],
        ['Forwarded', `for=10.9.9.9;host=${host};proto=https`],
      ] as const
    const host = new URL(rig.url).host
    // Neither an open path, nor the path of the token's own server, makes another path open
    for (const target of [public_, '/notes/mcp']) {
      const headers = [bearer, ...forged(target, host)]
      expect(await probe({ target: '/files/mcp', headers })).toMatchObject({ status: 403, seen: [] })
      expect(await probe({ target: '/nowhere', headers })).toMatchObject({ status: 401, seen: [] })
      expect(await probe({ target: '/notes/mcp', headers: forged(target, host) })).toMatchObject({
        status: 401,
        seen: [],
      })
    }
    const { status, seen } = await probe({ target: '/notes/mcp', headers: [bearer, ...forged('/evil', 'evil.test')] })
    expect(status).toBe(200)
    expect(seen[0]?.headers['x-forwarded-for']).toEqual(['127.0.0.1'])
    const told = Object.entries(seen[0]?.headers ?? {}).filter(([name]) => /^(?:x-(?:forw|orig|rewr)|forw)/.test(name))
    expect(JSON.stringify(told)).not.toMatch(/evil|10\.9\.9\.9|OPTIONS/)
  })

  test.each([
    '/public/../notes/mcp',
    '/notes/mcp/../../nowhere',
    '/notes/mcp/..%2fx',
    '/notes%2fmcp',
    '/notes/%6dcp',
    '/notes/mc%70',
    '/%2e%2e/notes/mcp',
    '/notes/./mcp',
    '//notes/mcp',
    '/notes//mcp',
    '/notes/mcp;x=1',
    '/notes;/mcp',
    '/notes/mcp%00',
    '/notes/mcp%23',
    '/notes\\mcp',
    '/Notes/mcp',
    '/notes/MCP',
    '/notes/mcp.',
    '/notes/mcp%20',
    '/notes/mcpx',
    '/nowhere?path=/notes/mcp',
    '/nowhere?/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/../../nowhere',
    '/.well-known/../nowhere',
    '/_forward_auth',
  ])('[attack 143] lets %s through to nobody, or to whom the token is for', async (target) => {
    expect((await probe({ target })).seen).toEqual([])
    const { status, seen } = await probe({ target, headers: [bearer] })
    // A proxy that repairs the path must have asked about the repaired one, and forward that
    if (seen.length === 0) expect(status).toBeGreaterThanOrEqual(300)
    for (const entry of seen) {
      expect(entry.url).toBe('/notes/mcp')
      expectAlice(entry)
    }
  })

  test('[attack 143] judges the path and not the fragment or the absolute form', async () => {
    for (const target of ['/nowhere#/notes/mcp', `${rig.url}/nowhere`, `https://evil.test/nowhere`]) {
      expect((await probe({ target, headers: [bearer] })).seen).toEqual([])
    }
  })

  test.each(['/health', '/ready', '/metrics', '/ping', '/notes/mcp'])(
    '[attack 144] opens %s to no health checker',
    async (target) => {
      for (const agent of ['kube-probe/1.30', 'GoogleHC/1.0', 'ELB-HealthChecker/2.0']) {
        expect(await probe({ target, headers: [['User-Agent', agent]] })).toMatchObject({ status: 401, seen: [] })
      }
    },
  )

  test('[attack 145, attack 151] answers a preflight without a token and without the server', async () => {
    const headers = [
      ['Origin', rig.url],
      ['Access-Control-Request-Method', 'POST'],
    ] as const
    const { status, seen, all } = await probe({ method: 'OPTIONS', target: '/notes/mcp', headers })
    expect({ status, seen }).toEqual({ status: 204, seen: [] })
    expect(all('access-control-allow-origin')).toEqual([rig.url])
    expect(all('access-control-allow-headers').join()).toMatch(/mcp-method.*mcp-name/)
    for (const name of identity) expect(all(name)).toEqual([])
  })

  test('[attack 145] takes an OPTIONS that is no preflight for what it is, and no other method for one', async () => {
    expect(await probe({ method: 'OPTIONS', target: '/notes/mcp' })).toMatchObject({ status: 401, seen: [] })
    const headers = [
      ['Origin', rig.url],
      ['Access-Control-Request-Method', 'POST'],
    ] as const
    for (const method of ['GET', 'POST', 'DELETE', 'PATCH']) {
      expect(await probe({ method, target: '/notes/mcp', headers })).toMatchObject({ status: 401, seen: [] })
    }
  })

  test('[attack 147] tells an unknown host nothing, and a known one its own resource alone', async () => {
    const port = new URL(rig.url).port
    for (const host of ['evil.test', `evil.test:${port}`, 'localhost@evil.test', `[::1]:${port}`]) {
      const { status, all, body, seen } = await probe({ target: '/notes/mcp', headers: [['Host', host], bearer] })
      expect(status).toBeGreaterThanOrEqual(400)
      expect(seen).toEqual([])
      expect(`${all('www-authenticate')} ${body}`).not.toMatch(/resource_metadata|notes\/mcp/)
    }
    const known = await probe({ target: '/mcp', headers: [['Host', `other.test:${port}`], bearer] })
    expect(known).toMatchObject({ status: 403, seen: [] })
    expect(known.all('www-authenticate').join()).toContain(`${other}/.well-known/oauth-protected-resource/mcp"`)
    expect(known.all('www-authenticate').join()).not.toContain('notes')
    // The same path on the other host is another resource, or none
    expect(await probe({ target: '/mcp', headers: [bearer] })).toMatchObject({ status: 401, seen: [] })
  })

  test('routes by host and path together, and a foreign host nowhere [finding 5, attack 147]', async () => {
    const { port } = new URL(rig.url)
    const seen = () => [rig.notes, rig.files, rig.wiki].map((witness) => witness?.seen.length ?? 0)
    const send = async (
      host: string,
      target: string,
      path: string,
      more: readonly (readonly [string, string])[] = [],
    ) => {
      const value = await issuer.token(`https://${host}:${port}${path}`)
      const headers = [['Host', `${host}:${port}`], ['Authorization', `Bearer ${value}`], ...more] as const
      const before = seen()
      const { status } = await rig.send({ target, headers })
      return [status, seen().map((count, index) => count - (before[index] ?? 0))]
    }
    expect(await send('localhost', '/notes/mcp', '/notes/mcp')).toEqual([200, [1, 0, 0]])
    expect(await send('localhost', '/files/mcp/', '/files/mcp')).toEqual([200, [0, 1, 0]])
    expect(await send('other.test', '/mcp', '/mcp')).toEqual([200, [0, 0, 1]])
    // The check lets these pass, but the proxy has nothing there
    expect(await send('other.test', '/files/mcp', '/files/mcp')).toEqual([404, [0, 0, 0]])
    expect(await send('third.test', '/mcp', '/mcp')).toEqual([421, [0, 0, 0]])
    // A server of one host is none of the other
    expect(await send('localhost', '/mcp', '/mcp')).toEqual([401, [0, 0, 0]])
    expect(await send('other.test', '/notes/mcp', '/notes/mcp')).toEqual([401, [0, 0, 0]])
    for (const host of ['evil.test', 'localhost.evil.test', 'xlocalhost', 'wiki.localhost']) {
      for (const target of ['/notes/mcp', '/mcp', '/', '/.well-known/oauth-protected-resource/notes/mcp', '/token']) {
        expect(await send(host, target, '/notes/mcp')).toEqual([421, [0, 0, 0]])
      }
      const preflight = await rig.send({
        method: 'OPTIONS',
        target: '/notes/mcp',
        headers: [
          ['Host', host],
          ['Origin', rig.url],
          ['Access-Control-Request-Method', 'POST'],
        ],
      })
      expect(preflight.status).toBe(421)
    }
    for (const path of ['/notes/mcpx', '/notes/mcp/x', '/notes', '/x/notes/mcp', '/files/mcp.']) {
      expect(await send('localhost', path, '/notes/mcp')).toEqual([401, [0, 0, 0]])
    }
  })

  test.each([
    '/public/..\\notes/mcp',
    '/notes/%6dcp',
    '/notes%2fmcp',
    '/notes/mcp%3Bx',
    '/notes/mcp;x',
    '/notes/mcp%23',
    '/notes/mcp%3F',
    '/notes/mcp%00',
    '/%252e%252e/notes/mcp',
  ])('refuses %s, which has several readings, before anybody sees it [finding 6, finding 13]', async (target) => {
    const { status, seen } = await probe({ target, headers: [bearer] })
    if (seen.length > 0) {
      // Envoy repairs a backslash before it asks, and forwards the repaired path
      expect([kind.dialect, seen[0]?.url]).toEqual(['ext-authz', '/notes/mcp'])
    } else expect([400, 401, 404]).toContain(status)
  })

  test('[attack 147, attack 151] serves the metadata of that host and path to every page', async () => {
    const target = '/.well-known/oauth-protected-resource/notes/mcp'
    const own = await rig.send({ target, headers: [['Origin', 'https://foreign.test']] })
    expect(JSON.parse(own.body)).toMatchObject({ resource: `${rig.url}/notes/mcp` })
    expect(own.all('access-control-allow-origin')).toEqual(['*'])
    const elsewhere = await rig.send({ target, headers: [['Host', `other.test:${new URL(rig.url).port}`]] })
    expect(elsewhere.body).not.toContain('notes')
  })

  test('[attack 148] forwards no credential', async () => {
    const { seen } = await probe({
      target: '/notes/mcp',
      headers: [bearer, ['Cookie', 'session=1'], ['DPoP', 'proof'], ['Proxy-Authorization', 'Basic eDp5']],
    })
    expect(Object.keys(seen[0]?.headers ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(?:authorization|cookie|dpop)$/)]),
    )
    expect(JSON.stringify(seen)).not.toContain(token)
  })

  test('[attack 149] passes a 401 of the server on as it is, and takes nothing from its answers', async () => {
    const { status, all, body } = await probe({ target: '/notes/mcp?status=401', headers: [bearer] })
    expect({ status, body }).toEqual({ status: 401, body: 'upstream says no' })
    expect(all('www-authenticate')).toEqual(['Bearer resource_metadata="https://upstream.test/other"'])
    expectAlice((await probe({ target: '/notes/mcp', headers: [bearer] })).seen[0])
    expect((await probe({ target: '/notes/mcp', headers: [['Cookie', 'upstream=1']] })).seen).toEqual([])
  })

  test('[attack 150] authenticates streams and upgrades, and refuses foreign pages and names', async () => {
    const stream = ['Accept', 'text/event-stream'] as const
    const upgrade = [
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ] as const
    expect(await probe({ target: '/notes/mcp', headers: [stream] })).toMatchObject({ status: 401, seen: [] })
    const upgraded = await probe({ target: '/notes/mcp', headers: upgrade, until: (text) => text.includes('\r\n\r\n') })
    expect(upgraded).toMatchObject({ status: 401, seen: [] })
    for (const origin of ['https://evil.test', 'null', `${rig.url}.evil.test`]) {
      const page = ['Origin', origin] as const
      expect(await probe({ target: '/notes/mcp', headers: [bearer, stream, page] })).toMatchObject({
        status: 403,
        seen: [],
      })
    }
  })

  test('[attack 154, attack 155] names the allowed origin on refusals too, once, and never any other', async () => {
    const page = ['Origin', 'https://app.example.com'] as const
    for (const [expected, headers] of [
      [401, [page]],
      [200, [page, bearer]],
      [403, [page, ['Authorization', `Bearer ${await issuer.token(`${rig.url}/notes/mcp`, { scope: 'x' })}`]]],
    ] as const) {
      const { status, all } = await probe({ target: '/notes/mcp', headers })
      expect(status).toBe(expected)
      expect(all('access-control-allow-origin')).toEqual(['https://app.example.com'])
      expect(all('access-control-expose-headers').join().toLowerCase()).toContain('www-authenticate')
      expect(all('access-control-allow-credentials')).toEqual([])
      expect(all('vary').join().toLowerCase()).toContain('origin')
    }
    const foreign = await probe({ target: '/notes/mcp', headers: [['Origin', 'https://evil.test']] })
    expect(foreign.all('access-control-allow-origin')).toEqual([])
  })

  test('[attack 129] refuses what is not one bearer token', async () => {
    for (const value of [
      'Basic eDp5',
      `Bearer ${token} x`,
      `Bearer ${token}, Bearer ${token}`,
      'Bearer',
      '',
      'Bearer \u0001',
    ]) {
      const { status, seen } = await probe({ target: '/notes/mcp', headers: [['Authorization', value]] })
      expect(status).toBeGreaterThanOrEqual(400)
      expect(seen).toEqual([])
    }
    // Two lines are refused, or the one that counts is judged
    const twice = await probe({ target: '/notes/mcp', headers: [['Authorization', 'Bearer x'], bearer] })
    expect(twice.seen).toEqual([])
    expect((await probe({ target: `/notes/mcp?access_token=${token}` })).seen).toEqual([])
  })

  test('[attack 157] answers oversized headers with a 4xx', async () => {
    const { status, seen } = await probe({
      target: '/notes/mcp',
      headers: [['Authorization', `Bearer ${'x'.repeat(40_000)}`]],
    })
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(seen).toEqual([])
  })

  test('[attack 160] logs neither tokens nor claims', () => {
    expect(logged.length).toBeGreaterThan(0)
    expect(logged.join('\n')).not.toContain(token)
    expect(logged.join('\n')).not.toMatch(/eyJ|ada@example\.com/)
  })
})

test.each(installedProxies)('$name sends clients without TLS to where it is', async (kind) => {
  const issuer = createTestIssuer()
  const rig = await startRig(kind, (url) =>
    createForwardAuth({ url, auth: issuer.authority, dialect: kind.dialect, servers: { '/notes/mcp': {} } }),
  )
  try {
    const token = await issuer.token(`${rig.url}/notes/mcp`)
    const response = await fetch(`http://localhost:${rig.front.plainPort}/notes/mcp?a=b`, {
      headers: { Authorization: `Bearer ${token}` },
      redirect: 'manual',
    })
    expect([response.status, response.headers.get('location')]).toEqual([308, `${rig.url}/notes/mcp?a=b`])
    // A foreign host is sent nowhere [finding 5]
    const foreign = await plainStatus(rig.front.plainPort, 'evil.test')
    expect(foreign).toBe(421)
    expect(rig.notes.seen).toEqual([])
  } finally {
    await rig.stop()
  }
})

async function plainStatus(port: number, host: string): Promise<number | undefined> {
  const [response] = await once(
    get({ host: '127.0.0.1', port, path: '/notes/mcp', headers: { Host: host } }),
    'response',
  )
  response.resume()
  return response.statusCode
}
