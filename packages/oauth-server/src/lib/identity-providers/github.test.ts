import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { authorizePath, issuer, pkce, redirectUri, register, setUp, signInAt } from '../../../test/fixture.js'
import { type GithubServer, githubClient, startGithubServer } from '../../../test/github-server.js'
import { followLogin } from '../testing/follow-login.js'
import { github } from './github.js'
import type { GithubAllow } from './github-allow.js'

let server: GithubServer
const octocat = { id: 583231, login: 'Octocat', name: 'The Octocat' }
beforeAll(async () => {
  server = await startGithubServer(octocat)
})
beforeEach(() => {
  server.account = { ...octocat }
  server.requests.length = 0
  server.broken.clear()
})
afterAll(() => server.close())

function start(allow?: GithubAllow, options: Partial<Parameters<typeof github>[0]> = {}) {
  return setUp({ identityProvider: github({ ...githubClient, baseUrl: server.url, allow, ...options }) })
}

test('the subject is the number of the account, which nobody else ever gets [attack 114]', async () => {
  const setup = start()
  expect((await signInAt(setup)).claims).toMatchObject({
    sub: 'github|583231',
    preferred_username: 'Octocat',
    name: 'The Octocat',
  })
  server.account = { ...octocat, login: 'renamed' }
  expect((await signInAt(setup)).claims).toMatchObject({ sub: 'github|583231', preferred_username: 'renamed' })
})

test('an e-mail address is taken over only if it is primary and verified [attack 114]', async () => {
  server.account.emails = [
    { email: 'other@example.com', primary: false, verified: true },
    { email: 'unverified@example.com', primary: true, verified: false },
  ]
  expect((await signInAt(start())).claims).not.toHaveProperty('email')
  server.account.emails = [{ email: 'octocat@example.com', primary: true, verified: true }]
  expect((await signInAt(start())).claims).toMatchObject({ email: 'octocat@example.com' })
})

describe('who may sign in [attack 114]', () => {
  const members = { organizations: { acme: 'active', waiting: 'pending' } as const, teams: ['acme/platform'] }
  test.each<[GithubAllow, boolean]>([
    ['anyone', true],
    [{ users: ['octocat'] }, true],
    [{ users: ['OCTOCAT'] }, true],
    [{ users: [583231] }, true],
    [{ users: ['octocat2', 'octo', 58323] }, false],
    [{ users: ['583231'] }, false],
    [{ organizations: ['acme'] }, true],
    [{ organizations: ['waiting'] }, false],
    [{ organizations: ['other'] }, false],
    [{ teams: ['acme/platform'] }, true],
    [{ teams: ['acme/other'] }, false],
    [{ users: ['someone'], organizations: ['other'], teams: ['acme/platform'] }, true],
  ])('%j: %s', async (allow, expected) => {
    Object.assign(server.account, members)
    const { answer } = await signInAt(start(allow))
    if (expected) expect(answer).toHaveProperty('code')
    else expect(answer).toMatchObject({ error: 'access_denied', state: 'some-state', iss: issuer })
    const needs = typeof allow === 'object' && (allow.organizations || allow.teams)
    expect(server.scope).toBe(needs ? 'read:user user:email read:org' : 'read:user user:email')
  })

  test.each([
    [{}],
    [{ users: [] }],
    [{ users: ['octocät'] }],
    [{ users: ['a@b@c'] }],
    [{ users: ['o+x'] }],
    [{ organizations: ['acme/evil'] }],
    [{ teams: ['platform'] }],
    ['everyone' as 'anyone'],
  ])('an option that names nobody, or what cannot be, does not start: %j', (allow) => {
    expect(() => start(allow)).toThrow(/allow/)
  })

  test('a public issuer must say who', () => {
    const options = {
      issuer: 'https://mcp.example.com',
      encryptionKeys: ['A'.repeat(43)],
      resources: ['https://mcp.example.com/mcp'],
    }
    expect(() => setUp({ ...options, identityProvider: github(githubClient) })).toThrow(/every GitHub account/)
    expect(() => setUp({ ...options, identityProvider: github({ ...githubClient, allow: 'anyone' }) })).not.toThrow()
  })
})

describe('what GitHub answers instead', () => {
  test('200 with an error is server_error, and the log says which', async () => {
    const lines: unknown[] = []
    const log = (fields: Record<string, unknown>): void => void lines.push(fields)
    const logger = { debug: log, info: log, warn: log, error: log }
    const setup = setUp({
      logger,
      identityProvider: github({ ...githubClient, clientSecret: 'wrong', baseUrl: server.url }),
    })
    expect((await signInAt(setup)).answer).toMatchObject({ error: 'server_error', state: 'some-state', iss: issuer })
    expect(JSON.stringify(lines)).toContain('incorrect_client_credentials')
  })

  test.each([
    ['/login/oauth/access_token', 500, 'temporarily_unavailable'],
    ['/login/oauth/access_token', 404, 'server_error'],
    ['/api/v3/user', 502, 'temporarily_unavailable'],
    ['/api/v3/user', 401, 'server_error'],
    ['/api/v3/user', 200, 'server_error'],
  ])('%s answers %i: %s', async (path, status, error) => {
    server.broken.set(path, { status, body: '{"id":"583231","login":{}}' })
    expect((await signInAt(start())).answer).toMatchObject({ error, iss: issuer })
  })

  test.each([
    ['a used-up rate limit', { 'x-ratelimit-remaining': '0' }, '{}'],
    ['a secondary rate limit', { 'retry-after': '60' }, '{}'],
    ['a rate limit in words alone', {}, '{"message":"You have exceeded a secondary rate limit."}'],
  ])('a 403 for %s is no answer about the account', async (_, headers, body) => {
    for (const path of ['/api/v3/user', '/api/v3/user/memberships/orgs/acme']) {
      server.broken.clear()
      server.broken.set(path, { status: 403, body, headers: headers as Record<string, string> })
      expect((await signInAt(start({ organizations: ['acme'] }))).answer).toMatchObject({
        error: 'temporarily_unavailable',
      })
    }
  })

  test('a 403 for single sign-on says what to do, any other is no membership', async () => {
    const path = '/api/v3/user/memberships/orgs/acme'
    const headers = { 'x-github-sso': 'required; url=https://github.com/orgs/acme/sso' }
    server.broken.set(path, { status: 403, body: '{"message":"Resource protected by organization SAML"}', headers })
    const log = vi.fn()
    const logger = { debug: log, info: log, warn: log, error: log }
    const identityProvider = github({ ...githubClient, baseUrl: server.url, allow: { organizations: ['acme'] } })
    expect((await signInAt(setUp({ identityProvider, logger }))).answer).toMatchObject({ error: 'access_denied' })
    expect(JSON.stringify(log.mock.calls)).toContain('single sign-on')
    server.broken.set(path, { status: 403, body: '{"message":"Must be a member"}' })
    expect((await signInAt(start({ organizations: ['acme'] }))).answer).toMatchObject({ error: 'access_denied' })
  })

  test('a 404 for a membership is no membership, a 500 is no answer', async () => {
    server.broken.set('/api/v3/user/memberships/orgs/acme', { status: 500, body: '{}' })
    expect((await signInAt(start({ organizations: ['acme'] }))).answer).toMatchObject({
      error: 'temporarily_unavailable',
    })
  })
})

test('GitHub is asked after the person approved, and told nothing before [attack 101]', async () => {
  const setup = start()
  const client = await register(setup)
  const page = await setup.call(authorizePath(client.client_id as string, pkce().challenge))
  expect(page.status).toBe(200)
  expect(await page.text()).toContain('GitHub')
  expect(server.requests).toEqual([])
})

test('a callback is taken once, from the browser that approved, and from no form [attack 104]', async () => {
  const setup = start()
  const client = await register(setup)
  const seen: { url: string; cookie: string }[] = []
  await followLogin(issuer + authorizePath(client.client_id as string, pkce().challenge), redirectUri, {
    fetch: (url, init) => {
      if (!url.startsWith(issuer)) return fetch(url, init)
      seen.push({ url, cookie: new Headers(init.headers).get('cookie') ?? '' })
      return setup.server.fetch(new Request(url, init))
    },
  })
  const callback = seen.find(({ url }) => url.includes('/callback/github'))
  const again = await setup.server.fetch(
    new Request(callback?.url ?? '', { headers: { cookie: callback?.cookie ?? '' } }),
  )
  expect(again.status).toBe(403)

  let stolen = ''
  await followLogin(issuer + authorizePath(client.client_id as string, pkce().challenge), redirectUri, {
    fetch: async (url, init) => {
      if (!url.startsWith(issuer)) return fetch(url, init)
      if (url.includes('/callback/github')) {
        stolen = url
        const headers = { cookie: new Headers(init.headers).get('cookie') ?? '' }
        expect((await setup.server.fetch(new Request(url))).status).toBe(403)
        const posted = new URL(url.replace('/callback/github', '/login'))
        expect((await setup.server.fetch(new Request(posted, { headers }))).status).toBe(403)
      }
      return setup.server.fetch(new Request(url, init))
    },
  })
  expect(stolen).not.toBe('')
})
