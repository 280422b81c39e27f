import { describe, expect, test } from 'vitest'
import {
  authorizePath,
  errorByLink,
  form,
  issuer,
  login,
  pkce,
  redirectUri,
  register,
  resource,
  setUp,
} from '../../../test/fixture.js'

const setup = setUp()
const { challenge } = pkce()

async function authorize(changes: Record<string, string | undefined> = {}, more = ''): Promise<Response> {
  const client = await register(setup)
  return setup.call(authorizePath(client.client_id as string, challenge, changes) + more)
}

/** The parameters of an error, which must come to the client by a link that a person follows. */
async function errorOf(response: Response): Promise<Record<string, string>> {
  return Object.fromEntries((await errorByLink(response)).searchParams)
}

/** The parameters of an error redirect to a client that the operator configured. */
function redirectOf(response: Response): Record<string, string> {
  const location = response.headers.get('location') ?? ''
  expect(response.status).toBe(303)
  expect(location.startsWith(redirectUri)).toBe(true)
  return Object.fromEntries(new URL(location).searchParams)
}

async function expectPage(response: Response, status = 400): Promise<string> {
  expect(response.status).toBe(status)
  expect(response.headers.get('location')).toBeNull()
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
  return response.text()
}

describe('what cannot be answered at the redirect URI is a page', () => {
  test('an unknown client [attack 11]', async () => {
    const page = await expectPage(await authorize({ client_id: 'client_unknown' }))
    expect(page).toContain('remove the connection')
  })

  test('a redirect URI that is not registered [attack 12]', async () => {
    await expectPage(await authorize({ redirect_uri: 'https://evil.example.com/callback' }))
  })

  test('no redirect URI where several are registered [attack 16]', async () => {
    const client = await register(setup, { redirect_uris: [redirectUri, 'https://client.example.com/callback'] })
    for (const redirect_uri of [undefined, '']) {
      const path = authorizePath(client.client_id as string, challenge, { redirect_uri })
      expect(await expectPage(await setup.call(path))).toContain('registered several')
    }
  })

  test.each([
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:x',
  ])('a dangerous redirect URI: %j [attack 17]', async (uri) => {
    const page = await expectPage(await authorize({ redirect_uri: uri }))
    expect(page).not.toContain('alert')
  })

  test.each(['client_id', 'redirect_uri'])('%s twice [attack 22]', async (name) => {
    await expectPage(await authorize({}, `&${name}=${encodeURIComponent('https://evil.example.com')}`))
  })

  test('a redirect URI is checked on POST as on GET (obsidian-mcp#4) [attack 12, attack 30]', async () => {
    const client = await register(setup)
    const query = authorizePath(client.client_id as string, challenge, { redirect_uri: 'https://evil.example.com/' })
    const fields = new URLSearchParams(query.split('?')[1])
    await expectPage(await setup.call('/authorize', form(fields)))
  })
})

describe('a client with exactly one redirect URI need not name it [OAuth 2.1 section 4.1.1, attack 16]', () => {
  test.each([
    ['absent', undefined],
    ['empty', ''],
  ])('%s', async (_, redirect_uri) => {
    const client = await register(setup)
    const { verifier, challenge } = pkce()
    const callback = await login(setup, authorizePath(client.client_id as string, challenge, { redirect_uri }))
    expect(callback.href.startsWith(`${redirectUri}?`)).toBe(true)
    expect(callback.searchParams.get('iss')).toBe(issuer)
    const code = { grant_type: 'authorization_code', code: callback.searchParams.get('code') ?? '' }
    const fields = { ...code, code_verifier: verifier, client_id: client.client_id as string }
    const other = await setup.call('/token', form({ ...fields, redirect_uri: 'http://127.0.0.1:9/callback' }))
    expect(other.status).toBe(400)
    expect((await setup.call('/token', form(fields))).status).toBe(200)
  })

  test('one that came twice is still none', async () => {
    const repeated = `&redirect_uri=${encodeURIComponent(redirectUri)}&redirect_uri=`
    await expectPage(await authorize({ redirect_uri: undefined }, repeated))
  })

  test('a fault is told at the one that is meant', async () => {
    expect(await errorOf(await authorize({ redirect_uri: undefined, response_type: 'token' }))).toMatchObject({
      error: 'unsupported_response_type',
      state: 'some-state',
    })
  })
})

const faults: [Record<string, string | undefined>, string, string][] = [
  [{ response_type: undefined }, 'invalid_request', '[attack 18]'],
  [{ response_type: 'token' }, 'unsupported_response_type', '[attack 18]'],
  [{ response_type: 'id_token' }, 'unsupported_response_type', '[attack 18]'],
  [{ response_type: 'code token' }, 'unsupported_response_type', '[attack 18]'],
  [{ code_challenge: undefined }, 'invalid_request', '[attack 19, A3]'],
  [{ code_challenge_method: undefined }, 'invalid_request', '[attack 20, A3]'],
  [{ code_challenge_method: 'plain' }, 'invalid_request', '[attack 20]'],
  [{ code_challenge_method: 's256' }, 'invalid_request', '[attack 20]'],
  [{ code_challenge: 'x'.repeat(42) }, 'invalid_request', '[attack 21]'],
  [{ code_challenge: 'x'.repeat(44) }, 'invalid_request', '[attack 21]'],
  [{ code_challenge: `${'x'.repeat(42)}!` }, 'invalid_request', '[attack 21]'],
  [{ request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported', '[attack 23]'],
  [{ request_uri: 'https://evil.example.com/request' }, 'request_uri_not_supported', '[attack 23]'],
  [{ resource: `${resource}#fragment` }, 'invalid_target', '[attack 24, A4]'],
  [{ resource: '/everything/mcp' }, 'invalid_target', '[attack 24]'],
  [{ resource: 'https://other.example.com/mcp' }, 'invalid_target', '[attack 24, A4]'],
  [{ resource: `${resource}x` }, 'invalid_target', '[attack 24]'],
  [{ scope: 'mcp "quoted"' }, 'invalid_scope', '[attack 26]'],
  [{ scope: 'mcp\\x' }, 'invalid_scope', '[attack 26]'],
  [{ scope: 'mcp\u0000x' }, 'invalid_scope', '[attack 26]'],
  [{ response_mode: 'fragment' }, 'invalid_request', ''],
]

const configured = setUp({ clients: [{ client_id: 'ours', redirect_uris: [redirectUri] }] })

describe('what can be is told to the client, with state and iss', () => {
  test.each(faults)('%j is %s, by a link of a page %s [finding 16]', async (changes, error, _ids) => {
    const answer = await errorOf(await authorize(changes))
    expect(answer).toMatchObject({ error, state: 'some-state', iss: issuer })
    expect(answer).not.toHaveProperty('code')
  })

  test.each(faults)(
    '%j is %s, by a redirect to a client that the operator configured %s',
    async (changes, error, _ids) => {
      const answer = redirectOf(await configured.call(authorizePath('ours', challenge, changes)))
      expect(answer).toMatchObject({ error, state: 'some-state', iss: issuer })
      expect(answer).not.toHaveProperty('code')
    },
  )

  test.each(['state', 'code_challenge', 'scope', 'response_type'])('%s twice [attack 22]', async (name) => {
    const answer = await errorOf(await authorize({ scope: 'mcp' }, `&${name}=x`))
    expect(answer.error).toBe('invalid_request')
    if (name === 'state') expect(answer).not.toHaveProperty('state')
  })

  test('two resources are invalid_target, the same one twice is not [attack 22]', async () => {
    const two = setUp({ resources: [resource, `${issuer}/other/mcp`] })
    const client = await register(two)
    const path = authorizePath(client.client_id as string, challenge)
    const different = await two.call(`${path}&resource=${encodeURIComponent(`${issuer}/other/mcp`)}`)
    expect((await errorOf(different)).error).toBe('invalid_target')
    expect((await two.call(`${path}&resource=${encodeURIComponent(resource)}`)).status).toBe(200)
  })

  test('the query of a redirect URI stays as it is, and descriptions hold nothing that could break out [attack 27]', async () => {
    const withQuery = 'https://client.example.com/cb?tenant=a%20b'
    const client = await register(setup, { redirect_uris: [withQuery] })
    const path = authorizePath(client.client_id as string, challenge, {
      redirect_uri: withQuery,
      scope: '\r\nSet-Cookie: x',
    })
    const { href } = await errorByLink(await setup.call(path), withQuery)
    const ours = setUp({ clients: [{ client_id: 'ours', redirect_uris: [withQuery] }] })
    const asked = { redirect_uri: withQuery, scope: '\r\nSet-Cookie: x' }
    const location = (await ours.call(authorizePath('ours', challenge, asked))).headers.get('location')
    for (const target of [href, location]) {
      expect(target?.startsWith(`${withQuery}&error=invalid_scope&`)).toBe(true)
      expect(target).not.toMatch(/[\r\n<>]/)
    }
  })
})

describe('nobody is sent to a client that nobody vouches for before they act (RFC 9700 section 4.11.2)', () => {
  const callback = 'https://client.example.com/cb'
  const documentId = 'https://client.example.com/client.json'
  const document = { client_id: documentId, client_name: '"><script>', redirect_uris: [callback] }
  const from = setUp({ transport: async () => Response.json(document) })
  const wrong = [...faults, [{ prompt: 'none' }, 'interaction_required', '']] as typeof faults

  test.each(wrong)('%j: neither by GET nor by POST, with a session or without [finding 16]', async (changes) => {
    const registered = await register(from, { redirect_uris: [callback], client_name: '"><script>' })
    const cookie = await signIn()
    for (const id of [registered.client_id as string, documentId]) {
      const path = authorizePath(id, challenge, { redirect_uri: callback, ...changes })
      const pages = new Set<string>()
      for (const headers of [{}, { cookie }] as Record<string, string>[]) {
        for (const init of [{ headers }, form(new URLSearchParams(path.split('?')[1]), headers)]) {
          const response = await from.call(init.method ? '/authorize' : path, init)
          const page = await response.clone().text()
          await errorByLink(response, callback)
          expect(page).toContain('client.example.com')
          expect(page).not.toContain('<script>')
          expect(response.headers.has('refresh')).toBe(false)
          expect(page).not.toMatch(/http-equiv/i)
          pages.add(page.replace(/Request id: [\w-]+/, ''))
        }
      }
      // The page tells nothing about who is signed in
      expect(pages.size).toBe(1)
    }
  })

  async function signIn(): Promise<string> {
    const client = await register(from)
    const page = await from.call(authorizePath(client.client_id as string, challenge))
    const transaction = /name="transaction" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
    const step = await from.call('/consent', form({ transaction, decision: 'approve' }, { cookie: jar(page) }))
    const state = new URL(step.headers.get('location') ?? '').searchParams.get('state') ?? ''
    const done = await from.call('/login', form({ state, username: 'alice' }, { cookie: jar(step) }))
    const cookie = jar(done)
    expect(cookie).toContain('session')
    return cookie
  }

  test('a person who says no did act: that is a redirect [finding 16]', async () => {
    const client = await register(from, { redirect_uris: [callback] })
    const path = authorizePath(client.client_id as string, challenge, { redirect_uri: callback })
    const answer = await login(from, path, { decision: 'deny', redirectUri: callback })
    expect(answer.searchParams.get('error')).toBe('access_denied')
  })

  test('a client that the operator configured is told who is signed in, as OpenID Connect has it [attack 29]', async () => {
    const path = authorizePath('ours', challenge, { prompt: 'none' })
    expect(redirectOf(await configured.call(path)).error).toBe('login_required')
  })
})

function jar(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
}

test('a resource that differs in host case alone is accepted, in the configured spelling [attack 25, R6]', async () => {
  const two = setUp({
    issuer: 'http://localhost:8787',
    resources: ['http://localhost:8787', 'http://localhost:8787/a/mcp'],
  })
  const client = await register(two)
  for (const [asked, meant] of [
    ['HTTP://LOCALHOST:8787/a/mcp', 'http://localhost:8787/a/mcp'],
    ['http://localhost:8787/', 'http://localhost:8787'],
  ] as const) {
    const response = await two.call(authorizePath(client.client_id as string, challenge, { resource: asked }))
    expect(await response.text()).toContain(`<p class="where">${meant}</p>`)
  }
})

test('unknown scopes are dropped and what was granted is told [attack 26]', async () => {
  const client = await register(setup)
  const { verifier, challenge } = pkce()
  const path = authorizePath(client.client_id as string, challenge, { scope: 'openid mcp offline_access made:up' })
  const code = (await login(setup, path)).searchParams.get('code') ?? ''
  const response = await setup.call(
    '/token',
    form({
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: redirectUri,
      client_id: client.client_id as string,
    }),
  )
  expect(await response.json()).toMatchObject({ scope: 'mcp offline_access' })
})

describe('a client that asks for unknown scopes alone gets nothing rather than everything [attack 26]', () => {
  const scopes = { read: 'Read your notes', write: 'Change your notes' }
  const obtain = async (scope: string | undefined, rights = setUp({ scopes })) => {
    const client = await register(rights)
    const { verifier, challenge } = pkce()
    const path = authorizePath(client.client_id as string, challenge, { scope })
    const page = await (await rights.call(path)).text()
    const callback = await login(rights, path)
    const code = callback.searchParams.get('code') ?? ''
    const exchange = { grant_type: 'authorization_code', code, code_verifier: verifier }
    const client_id = client.client_id as string
    const response = await rights.call('/token', form({ ...exchange, client_id }))
    const tokens = (await response.json()) as { scope: string; access_token: string; refresh_token: string }
    return { rights, page, client_id, tokens }
  }

  test.each(['openid', 'openid profile email', 'Read', 'read:all'])('%s', async (scope) => {
    const { rights, page, client_id, tokens } = await obtain(scope)
    expect(page).not.toMatch(/Read your notes|Change your notes/)
    expect(tokens.scope).toBe('')
    const auth = await rights.server.protect(resource).verifyAccessToken(tokens.access_token)
    expect(auth.scopes).toEqual([])
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id, scope }
    const next = await rights.call('/token', form(refresh))
    expect([next.status, ((await next.json()) as { scope: string }).scope]).toEqual([200, ''])
  })

  test.each([
    [undefined, 'read write'],
    ['', 'read write'],
    ['offline_access', 'read write offline_access'],
    ['openid offline_access', 'offline_access'],
    ['openid read', 'read'],
    ['openid read offline_access', 'read offline_access'],
  ])('%j is granted as %j', async (scope, granted) => {
    expect((await obtain(scope)).tokens.scope).toBe(granted)
  })

  test('unless there is one scope alone, which is what every client comes for, or the operator said which', async () => {
    const one = setUp({ scopes: { mcp: 'Use it', offline_access: 'Stay' } })
    expect((await obtain('claudeai', one)).tokens.scope).toBe('mcp')
    const told = setUp({ scopes, defaultScopes: ['read'] })
    expect((await obtain('claudeai', told)).tokens.scope).toBe('read')
    expect((await obtain('claudeai', setUp({ scopes, defaultScopes: [] }))).tokens.scope).toBe('')
  })
})

test('a state of 2 KB comes back unchanged [attack 28]', async () => {
  const state = 'ü=&'.repeat(682)
  const client = await register(setup)
  const callback = await login(setup, authorizePath(client.client_id as string, challenge, { state }))
  expect(callback.searchParams.get('state')).toBe(state)
})

test('the name of a repeated parameter is told if it can be one, and never at length [attack 22, attack 27]', async () => {
  const long = await errorOf(await authorize({}, `&${'x'.repeat(5000)}=1&${'x'.repeat(5000)}=2`))
  expect(long.error_description).toBe('A parameter was sent more than once')
  const odd = await errorOf(await authorize({}, '&a%20b=1&a%20b=2'))
  expect(odd.error_description).toBe('A parameter was sent more than once')
  const short = await errorOf(await authorize({}, '&nonce=1&nonce=2'))
  expect(short.error_description).toBe('The parameter nonce was sent more than once')
})

test('a policy that became stricter holds for clients that registered before [attack 12, attack 73]', async () => {
  const evil = 'https://client.example.net/cb'
  const id = 'https://client.example.net/client.json'
  const document = { client_id: id, client_name: 'A', redirect_uris: [evil] }
  const shared = { storage: setup.storage, transport: async () => Response.json(document) }
  const before = setUp(shared)
  const client = await register(before, { redirect_uris: [evil, redirectUri] })
  const path = (clientId: string, uri = evil) => authorizePath(clientId, challenge, { redirect_uri: uri })
  for (const clientId of [client.client_id as string, id]) expect((await before.call(path(clientId))).status).toBe(200)
  const stricter = setUp({
    ...shared,
    registration: { redirectHosts: ['claude.ai'] },
    clients: [{ client_id: 'ours', redirect_uris: [evil] }],
  })
  for (const clientId of [client.client_id as string, id]) {
    expect(await expectPage(await stricter.call(path(clientId)))).toContain('accepts no more')
  }
  expect((await stricter.call(path(client.client_id as string, redirectUri))).status).toBe(200)
  expect((await stricter.call(path('ours'))).status).toBe(200)
})

test('POST takes a form and nothing else [attack 30]', async () => {
  const client = await register(setup)
  const fields = new URLSearchParams(authorizePath(client.client_id as string, challenge).split('?')[1])
  expect((await setup.call('/authorize', form(fields))).status).toBe(200)
  const json = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }
  await expectPage(await setup.call('/authorize', json))
})

test('no redirect here is a 307 or 308, and none tells where it came from [attack 31, attack 32]', async () => {
  const response = await configured.call(authorizePath('ours', challenge, { response_type: 'token' }))
  expect(response.status).toBe(303)
  expect(response.headers.get('referrer-policy')).toBe('no-referrer')
  const page = await authorize({ response_type: 'token' })
  expect(page.headers.get('referrer-policy')).toBe('no-referrer')
})

test('a resource that nobody named is the only one, or the default one, or an error [A4]', async () => {
  expect((await authorize({ resource: undefined })).status).toBe(200)
  const resources = [resource, `${issuer}/other/mcp`]
  const several = setUp({ resources })
  const client = await register(several)
  const path = authorizePath(client.client_id as string, challenge, { resource: undefined })
  expect((await errorOf(await several.call(path))).error).toBe('invalid_target')
  const chosen = setUp({ resources, defaultResource: resource, storage: several.storage })
  expect(await (await chosen.call(path)).text()).toContain(resource)
})

test('one client asks for the origin of the only server it knows', async () => {
  for (const asked of [issuer, `${issuer}/`]) {
    expect(await (await authorize({ resource: asked })).text()).toContain(`<p class="where">${resource}</p>`)
  }
})

test('a redirect URI that was swapped after the request was made is not used (CVE-2025-4143) [attack 103]', async () => {
  const client = await register(setup, { redirect_uris: [redirectUri, 'https://other.example.com/cb'] })
  const page = await setup.call(authorizePath(client.client_id as string, challenge))
  const handle = /name="transaction" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
  const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const fields = {
    transaction: handle,
    decision: 'deny',
    redirect_uri: 'https://evil.example.com/',
    client_id: 'x',
    scope: 'y',
  }
  const answer = await setup.call('/consent', form(fields, { cookie }))
  expect(answer.headers.get('location')?.startsWith(redirectUri)).toBe(true)
})
