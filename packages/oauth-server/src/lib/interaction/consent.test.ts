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
  type Setup,
  setUp,
} from '../../../test/fixture.js'

const https = 'https://client.example.com/cb'

interface Shown {
  page: string
  handle: string
  /** The cookies it set, as a browser sends them. */
  cookie: string
  response: Response
}

async function show(response: Response, cookie = ''): Promise<Shown> {
  const page = await response.text()
  const set = response.headers.getSetCookie().map((line) => line.split(';')[0] ?? '')
  const handle = /name="(?:transaction|state)" value="([^"]+)"/.exec(page)?.[1] ?? ''
  return { page, handle, cookie: [cookie, ...set].filter(Boolean).join('; '), response }
}

async function ask(
  setup: Setup,
  changes: Record<string, string | undefined> = {},
  headers: Record<string, string> = {},
  metadata = {},
) {
  const client = await register(setup, metadata)
  const path = authorizePath(client.client_id as string, pkce().challenge, changes)
  return { client, path, ...(await show(await setup.call(path, { headers }), headers.cookie)) }
}

const decide = (
  setup: Setup,
  { handle, cookie }: { handle: string; cookie: string },
  decision = 'approve',
  headers = {},
): Promise<Response> => setup.call('/consent', form({ transaction: handle, decision }, { cookie, ...headers }))

describe('the page [attack 119, A9]', () => {
  test('says who asks, for what, where the answer goes, and that nobody verified the name', async () => {
    const { page } = await ask(
      setUp(),
      { redirect_uri: https, scope: 'mcp offline_access' },
      {},
      { redirect_uris: [https], client_name: 'Claude' },
    )
    for (const part of [
      'Claude',
      'client.example.com',
      'http://127.0.0.1:8787/everything/mcp',
      'Use the servers',
      'Stay connected',
      'not verified',
    ]) {
      expect(page).toContain(part)
    }
  })

  test('warns of clients on this computer, and names a private-use URI [A7]', async () => {
    expect((await ask(setUp())).page).toContain('Any program on this computer')
    const cursor = 'cursor://anysphere.cursor-mcp/oauth/callback'
    expect((await ask(setUp(), { redirect_uri: cursor }, {}, { redirect_uris: [cursor] })).page).toContain(cursor)
  })

  test('cannot borrow a name: the host is shown beside it [attack 77]', async () => {
    const evil = 'https://evil.example.net/cb'
    const { page } = await ask(setUp(), { redirect_uri: evil }, {}, { redirect_uris: [evil], client_name: 'Claude' })
    expect(page).toContain('trust evil.example.net')
  })

  test.each([
    ['client_name', '<script>alert(1)</script>'],
    ['client_name', '"><img src=x onerror=alert(1)>'],
    ['client_name', "'-alert(1)-'"],
  ])('shows %s %s as text [attack 117]', async (name, value) => {
    const { page } = await ask(setUp(), {}, {}, { [name]: value })
    expect(page).not.toMatch(/<script|<img|'-alert/)
  })

  test('has no script, no frame and no picture from elsewhere, and forbids them [attack 76, attack 108]', async () => {
    const metadata = { redirect_uris: [https], logo_uri: 'https://client.example.com/logo.png' }
    const { response, page } = await ask(setUp(), { redirect_uri: https }, {}, metadata)
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).toContain("base-uri 'none'")
    expect(policy).not.toMatch(/unsafe|script-src/)
    // The icon is in the page itself
    expect(policy).toContain('img-src data:;')
    expect(page).not.toMatch(/<script|<img|<iframe|logo\.png| on[a-z]+=/)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    expect(response.headers.get('cross-origin-opener-policy')).toBeNull()
  })
})

describe('a page of one’s own', () => {
  const cssHash = async (css: string): Promise<string> =>
    `sha256-${Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(css))).toString('base64')}`

  test('has the name and the styles that were given, which its policy allows', async () => {
    const { page, response } = await ask(setUp({ pages: { name: 'Acme & Co', styles: 'body { --accent: #a00; }' } }))
    expect(page).toContain('Acme &amp; Co')
    const css = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? ''
    expect(css).toContain('--accent: #a00')
    expect(response.headers.get('content-security-policy')).toContain(await cssHash(css))
    expect(() => setUp({ pages: { styles: '</style><script>' } })).toThrow(/CSS/)
  })

  test('can be written anew around the same form', async () => {
    const setup = setUp({
      pages: { consent: ({ scopes, form: decision }) => `<p>${scopes.length} thing(s)</p>${decision}` },
    })
    const shown = await ask(setup)
    expect(shown.page).toContain('<p>1 thing(s)</p>')
    expect((await decide(setup, shown)).status).toBe(303)
  })
})

describe('cookies [attack 109]', () => {
  test('over https they are __Host-, Secure, HttpOnly, Lax and short; one per transaction', async () => {
    const publicIssuer = 'https://mcp.example.com'
    const setup = setUp({
      issuer: publicIssuer,
      resources: [`${publicIssuer}/mcp`],
      encryptionKeys: ['A'.repeat(43)],
      identityProvider: {
        name: 'x',
        title: 'X',
        begin: async () => ({ redirect: 'https://x.example' }),
        complete: async () => ({ again: '' }),
      },
    })
    const lines: string[] = []
    for (let count = 0; count < 2; count++) {
      const { response } = await ask(setup, { resource: `${publicIssuer}/mcp` })
      lines.push(...response.headers.getSetCookie())
    }
    for (const line of lines) {
      expect(line).toMatch(
        /^__Host-mcp-oauth-[\w-]{12}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
      )
    }
    expect(new Set(lines.map((line) => line.split('=')[0])).size).toBe(2)
  })

  test('on loopback without https they are neither, so that browsers keep them', async () => {
    const { response } = await ask(setUp())
    expect(response.headers.getSetCookie()[0]).toMatch(
      /^mcp-oauth-[\w-]{12}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
    )
  })

  test('parallel tabs each end well', async () => {
    const setup = setUp()
    const first = await ask(setup)
    const second = await ask(setup, {}, { cookie: first.cookie })
    const cookie = `${first.cookie}; ${second.cookie}`
    for (const { handle } of [first, second]) expect((await decide(setup, { handle, cookie })).status).toBe(303)
  })

  test('a second click after the answer to the first one still has its cookie, for five seconds [attack 118]', async () => {
    const setup = setUp()
    const { handle, cookie } = await ask(setup)
    const [over = ''] = (await decide(setup, { handle, cookie })).headers.getSetCookie()
    expect(over).toContain('Max-Age=5;')
    const kept = over.split(';')[0] as string
    expect((await decide(setup, { handle, cookie: kept })).status).toBe(303)
    setup.clock.advance(6)
    expect((await decide(setup, { handle, cookie: kept })).status).toBe(403)
  })

  test('a remembered approval is on the server: many clients grow no cookie [attack 107]', async () => {
    const setup = setUp()
    let cookie = ''
    for (let count = 0; count < 20; count++) {
      const shown = await ask(setup, { redirect_uri: https }, { cookie }, { redirect_uris: [https] })
      const approved = await decide(setup, shown)
      const jar = new Map(
        [...shown.cookie.split('; '), ...approved.headers.getSetCookie()].map((line) => [line.split('=')[0], line]),
      )
      cookie = [...jar.values()]
        .filter((line) => !/Max-Age=5;/.test(line))
        .map((line) => line.split(';')[0])
        .join('; ')
      if (approved.headers.get('location')?.startsWith(issuer)) {
        const form_ = await show(
          await setup.call(
            new URL(approved.headers.get('location') ?? '').pathname +
              new URL(approved.headers.get('location') ?? '').search,
            { headers: { cookie } },
          ),
        )
        const done = await setup.call('/login', form({ state: form_.handle, username: 'alice' }, { cookie }))
        cookie = done.headers
          .getSetCookie()
          .filter((line) => !/Max-Age=5;/.test(line))
          .map((line) => line.split(';')[0])
          .join('; ')
      }
      expect(cookie.split('; ').filter(Boolean).length).toBeLessThanOrEqual(2)
    }
  })
})

describe('the decision', () => {
  test('GET is 405, with nothing decided [attack 102]', async () => {
    const setup = setUp()
    const shown = await ask(setup)
    const response = await setup.call(`/consent?transaction=${shown.handle}&decision=approve`, {
      headers: { cookie: shown.cookie },
    })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await response.text()).toContain('cannot be opened by itself')
    expect((await decide(setup, shown)).status).toBe(303)
  })

  test('without a handle, with a wrong one, another browser’s, or one that was used, it is 403 and consumes nothing [attack 102]', async () => {
    const setup = setUp()
    const shown = await ask(setup)
    const other = await ask(setup)
    expect((await decide(setup, { handle: '', cookie: shown.cookie })).status).toBe(403)
    expect((await decide(setup, { handle: 'wrong', cookie: shown.cookie })).status).toBe(403)
    expect((await decide(setup, { handle: shown.handle, cookie: '' })).status).toBe(403)
    expect((await decide(setup, { handle: shown.handle, cookie: other.cookie })).status).toBe(403)
    const renamed = other.cookie.replace(/^[^=]+/, shown.cookie.split('=')[0] ?? '')
    expect((await decide(setup, { handle: shown.handle, cookie: renamed })).status).toBe(403)
    expect((await decide(setup, shown)).status).toBe(303)
    setup.clock.advance(6)
    expect((await decide(setup, shown)).status).toBe(403)
  })

  test.each([
    { origin: 'https://evil.example.com' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])('sent by another site it is 403: %j [attack 102]', async (headers) => {
    const setup = setUp()
    const shown = await ask(setup)
    expect((await decide(setup, shown, 'approve', headers)).status).toBe(403)
    expect((await decide(setup, shown, 'approve', { origin: issuer, 'sec-fetch-site': 'same-origin' })).status).toBe(
      303,
    )
  })

  test('made with a double click ends well both times, and not at all a little later [attack 118]', async () => {
    const setup = setUp()
    const shown = await ask(setup)
    const both = await Promise.all([decide(setup, shown), decide(setup, shown)])
    const steps = both.map((each) => each.headers.get('location') ?? '')
    expect(both.map(({ status }) => status)).toEqual([303, 303])
    expect(steps[0]).not.toBe(steps[1])
    expect((await decide(setup, shown)).status).toBe(303)
    setup.clock.advance(6)
    expect((await decide(setup, shown)).status).toBe(403)
  })

  describe('sent twice by who is signed in', () => {
    async function signedIn() {
      const setup = setUp()
      const { verifier, challenge } = pkce()
      const client = await register(setup)
      const path = authorizePath(client.client_id as string, challenge)
      const first = await show(await setup.call(path))
      const approved = await decide(setup, first)
      const step = cookiesOf(approved)
      const state = new URL(approved.headers.get('location') ?? '').searchParams.get('state') ?? ''
      const done = await setup.call('/login', form({ state, username: 'alice' }, { cookie: step }))
      const cookie = cookiesOf(done)
      const shown = await show(await setup.call(path, { headers: { cookie } }), cookie)
      const exchange = async (code: string) => {
        const grant = { grant_type: 'authorization_code', code, code_verifier: verifier }
        const fields = { ...grant, client_id: client.client_id as string, redirect_uri: redirectUri }
        return setup.call('/token', form(fields))
      }
      return {
        setup,
        shown,
        exchange,
        again: () => setup.call('/login', form({ state, username: 'alice' }, { cookie: step })),
      }
    }
    const cookiesOf = (response: Response): string =>
      response.headers
        .getSetCookie()
        .filter((line) => !/Max-Age=5;/.test(line))
        .map((line) => line.split(';')[0])
        .join('; ')
    const codeOf = (response: Response): string =>
      new URL(response.headers.get('location') ?? '').searchParams.get('code') ?? ''

    test('at once it leads to one usable code, which both answers carry', async () => {
      const { setup, shown, exchange } = await signedIn()
      const answers = await Promise.all(Array.from({ length: 4 }, () => decide(setup, shown)))
      expect(answers.map(({ status }) => status)).toEqual([303, 303, 303, 303])
      const codes = [...new Set(answers.map(codeOf))]
      expect(codes).toHaveLength(1)
      expect(codes[0]).toMatch(/^[\w-]{43}$/)
      const statuses = [(await exchange(codes[0] as string)).status, (await exchange(codes[0] as string)).status]
      expect(statuses).toEqual([200, 400])
    })

    test('once the client has traded the code in, no more codes come of it', async () => {
      const { setup, shown, exchange } = await signedIn()
      const tokens = await exchange(codeOf(await decide(setup, shown)))
      expect(tokens.status).toBe(200)
      const second = await decide(setup, shown)
      expect([second.status, second.headers.get('location')]).toEqual([403, null])
      expect(await second.text()).toContain('has its answer')
      const { access_token } = (await tokens.json()) as { access_token: string }
      await setup.server.protect(`${issuer}/everything/mcp`).verifyAccessToken(access_token)
    })

    test('two pages that were both allowed have a code each', async () => {
      const { setup, shown } = await signedIn()
      const other = await show(await setup.call(authorizePath('x', pkce().challenge)), shown.cookie)
      expect(other.handle).toBe('')
      const client = await register(setup)
      const path = authorizePath(client.client_id as string, pkce().challenge)
      const one = await show(await setup.call(path, { headers: { cookie: shown.cookie } }), shown.cookie)
      const two = await show(await setup.call(path, { headers: { cookie: one.cookie } }), one.cookie)
      const codes = [codeOf(await decide(setup, { ...one, cookie: two.cookie })), codeOf(await decide(setup, two))]
      expect(new Set(codes).size).toBe(2)
    })

    test('the same holds for a login form', async () => {
      const { again, exchange } = await signedIn()
      const [first, second] = [codeOf(await again()), codeOf(await again())]
      expect(first).not.toBe('')
      expect(second).toBe(first)
      expect((await exchange(first)).status).toBe(200)
      expect((await again()).status).toBe(403)
    })
  })

  test('that is too old is 403', async () => {
    const setup = setUp()
    const shown = await ask(setup)
    setup.clock.advance(601)
    expect((await decide(setup, shown)).status).toBe(403)
  })
})

describe('the login step', () => {
  async function reachLogin(setup: Setup) {
    const shown = await ask(setup)
    expect(shown.response.headers.getSetCookie()).toHaveLength(1)
    const approved = await decide(setup, shown)
    const location = new URL(approved.headers.get('location') ?? '')
    const cookie = approved.headers
      .getSetCookie()
      .filter((line) => !/Max-Age=5;/.test(line))
      .map((line) => line.split(';')[0])
      .join('; ')
    return {
      shown,
      path: location.pathname + location.search,
      handle: location.searchParams.get('state') ?? '',
      cookie,
    }
  }

  test('has a state and a cookie of its own, which come into being with the approval [attack 104]', async () => {
    const setup = setUp()
    const { shown, handle, cookie } = await reachLogin(setup)
    expect(handle).not.toBe(shown.handle)
    expect(cookie).not.toBe('')
    expect(cookie.split('=')[0]).not.toBe(shown.cookie.split('=')[0])
  })

  test('works in the browser that approved and in no other (GHSA-rww4-4w9c-7733) [attack 104, attack 105]', async () => {
    const setup = setUp()
    const { shown, path, handle, cookie } = await reachLogin(setup)
    const victim = await ask(setup)
    for (const foreign of ['', shown.cookie, victim.cookie]) {
      expect((await setup.call(path, { headers: { cookie: foreign } })).status).toBe(403)
      expect((await setup.call('/login', form({ state: handle, username: 'eve' }, { cookie: foreign }))).status).toBe(
        403,
      )
    }
    expect((await setup.call(path, { headers: { cookie } })).status).toBe(200)
    const done = await setup.call('/login', form({ state: handle, username: 'alice' }, { cookie }))
    expect(new URL(done.headers.get('location') ?? '').searchParams.get('code')).toBeTruthy()
    setup.clock.advance(6)
    expect((await setup.call('/login', form({ state: handle, username: 'alice' }, { cookie }))).status).toBe(403)
  })

  test('that is a form is not answered by a callback', async () => {
    const setup = setUp()
    const { handle, cookie } = await reachLogin(setup)
    const callback = await setup.call(`/callback/dev?state=${handle}&username=alice`, { headers: { cookie } })
    expect([callback.status, callback.headers.get('location')]).toEqual([403, null])
  })

  test('is over after ten minutes [attack 104]', async () => {
    const setup = setUp()
    const { path, cookie } = await reachLogin(setup)
    setup.clock.advance(601)
    expect((await setup.call(path, { headers: { cookie } })).status).toBe(403)
  })

  test('a consent handle is no login state, nor the other way round', async () => {
    const setup = setUp()
    const shown = await ask(setup)
    expect(
      (await setup.call('/login', form({ state: shown.handle, username: 'eve' }, { cookie: shown.cookie }))).status,
    ).toBe(403)
    const { handle, cookie } = await reachLogin(setup)
    expect((await decide(setup, { handle, cookie })).status).toBe(403)
  })

  test('a callback that nobody asked for is refused, with its code unused [attack 111]', async () => {
    const setup = setUp()
    for (const query of ['', '?code=attackers', '?code=attackers&state=guessed']) {
      expect((await setup.call(`/callback/dev${query}`)).status).toBe(403)
    }
    expect((await setup.call('/callback/other?code=x&state=y')).status).toBe(404)
  })

  test.each(['', ' ', '<script>', 'a'.repeat(65), 'two\nlines', '\u202Eecila'])(
    'a name that is none is asked for again: %j [attack 117]',
    async (username) => {
      const setup = setUp()
      const { handle, cookie } = await reachLogin(setup)
      const again = await setup.call('/login', form({ state: handle, username }, { cookie }))
      expect(again.status).toBe(400)
      expect(await again.text()).toMatch(/role="alert"/)
      expect((await setup.call('/login', form({ state: handle, username: 'alice' }, { cookie }))).status).toBe(303)
    },
  )

  test('nothing in its address leads elsewhere [attack 116]', async () => {
    const setup = setUp()
    const { handle, cookie } = await reachLogin(setup)
    const fields = {
      state: handle,
      username: 'alice',
      redirect: '//evil.example.com',
      return_to: '/\\evil.example.com',
      next: '%2F%2Fevil',
    }
    const done = await setup.call('/login?redirect=//evil.example.com', form(fields, { cookie }))
    expect(done.headers.get('location')?.startsWith(`${redirectUri}?`)).toBe(true)
  })
})

describe('sessions and remembered approvals', () => {
  const none = { 'sec-fetch-site': 'none' }

  /** Approves once, with a login, and returns the session's cookie. */
  async function signedIn(setup: Setup, path: string, cookieBefore = ''): Promise<string> {
    const shown = await show(await setup.call(path, { headers: { cookie: cookieBefore } }), cookieBefore)
    const approved = await decide(setup, shown)
    const location = new URL(approved.headers.get('location') ?? '')
    const step = approved.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ')
    const cookie = `${cookieBefore}; ${step}`
    const done = await setup.call(
      '/login',
      form({ state: location.searchParams.get('state') ?? '', username: 'alice' }, { cookie }),
    )
    return (
      done.headers
        .getSetCookie()
        .find((line) => line.includes('session='))
        ?.split(';')[0] ?? ''
    )
  }

  async function start(options: Parameters<typeof setUp>[0] = {}, redirect = https) {
    const setup = setUp({
      scopes: { mcp: 'Use it', write: 'Change it' },
      resources: [`${issuer}/everything/mcp`, `${issuer}/b`],
      ...options,
    })
    const client = await register(setup, { redirect_uris: [https, 'https://client.example.com/other', redirectUri] })
    const path = (changes: Record<string, string | undefined> = {}): string =>
      authorizePath(client.client_id as string, pkce().challenge, { redirect_uri: redirect, scope: 'mcp', ...changes })
    const cookie = await signedIn(setup, path())
    return { setup, path, cookie, client }
  }

  const isSilent = (response: Response): boolean =>
    response.status === 303 && /[?&]code=/.test(response.headers.get('location') ?? '')

  test('the same question from the same person is not asked again', async () => {
    const { setup, path, cookie } = await start()
    expect(isSilent(await setup.call(path(), { headers: { cookie, ...none } }))).toBe(true)
    expect(isSilent(await setup.call(path({ prompt: 'none' }), { headers: { cookie, ...none } }))).toBe(true)
  })

  test('it is asked again when anything differs [attack 106]', async () => {
    const { setup, path, cookie } = await start()
    const headers = { cookie, ...none }
    for (const changes of [
      { scope: 'mcp write' },
      { resource: `${issuer}/b` },
      { redirect_uri: 'https://client.example.com/other' },
      { prompt: 'consent' },
      { prompt: 'login' },
    ]) {
      expect((await setup.call(path(changes), { headers })).status).toBe(200)
    }
    const stranger = await register(setup, { redirect_uris: [https] })
    const other = authorizePath(stranger.client_id as string, pkce().challenge, { redirect_uri: https, scope: 'mcp' })
    expect((await setup.call(other, { headers })).status).toBe(200)
  })

  test('another site, or a browser that does not tell, gets the page (GHSA-6x8h-498w-gv8c) [attack 106]', async () => {
    const { setup, path, cookie } = await start()
    for (const site of ['cross-site', 'same-site', undefined]) {
      const headers = { cookie, ...(site && { 'sec-fetch-site': site }) }
      expect((await setup.call(path(), { headers })).status).toBe(200)
      const silent = await setup.call(path({ prompt: 'none' }), { headers })
      expect((await errorByLink(silent, https)).searchParams.get('error')).toBe('interaction_required')
    }
  })

  test('a loopback client is asked for each time, whoever listens there', async () => {
    const { setup, path, cookie } = await start({}, redirectUri)
    expect((await setup.call(path(), { headers: { cookie, ...none } })).status).toBe(200)
  })

  test('a changed client document is a new question [attack 97, attack 106]', async () => {
    const id = 'https://client.example.com/client.json'
    const document = { client_id: id, client_name: 'A', redirect_uris: [https] }
    const setup = setUp({ transport: async () => Response.json(document) })
    const path = (): string => authorizePath(id, pkce().challenge, { redirect_uri: https })
    const cookie = await signedIn(setup, path())
    setup.clock.advance(3601)
    expect(isSilent(await setup.call(path(), { headers: { cookie, ...none } }))).toBe(true)
    document.client_name = 'B'
    setup.clock.advance(3601)
    expect((await setup.call(path(), { headers: { cookie, ...none } })).status).toBe(200)
  })

  test('the page names the account, and lets another one in [attack 119]', async () => {
    const { setup, path, cookie } = await start()
    const shown = await show(await setup.call(path({ prompt: 'consent' }), { headers: { cookie } }), cookie)
    expect(shown.page).toContain('<dd><bdi class="foreign">alice</bdi></dd>')
    const switched = await decide(setup, shown, 'switch')
    expect(switched.headers.get('location')).toContain('/login?state=')
  })

  test('an approval for an account that signed out since is a login', async () => {
    const { setup, path, cookie } = await start()
    const shown = await show(await setup.call(path({ prompt: 'consent' }), { headers: { cookie } }), cookie)
    await setup.server.revokeUser('dev|alice')
    expect((await decide(setup, shown)).headers.get('location')).toContain('/login?state=')
    expect((await setup.call(path(), { headers: { cookie, ...none } })).status).toBe(200)
  })

  test('an id that was there before the login is worth nothing after it [attack 110]', async () => {
    const { setup, path, cookie } = await start()
    const after = await signedIn(setup, path({ prompt: 'login' }), cookie)
    expect(after).not.toBe(cookie)
    expect((await setup.call(path(), { headers: { cookie, ...none } })).status).toBe(200)
    expect(isSilent(await setup.call(path(), { headers: { cookie: after, ...none } }))).toBe(true)
    const [, name = ''] = /(mcp-oauth-[\w-]{8}-session)=/.exec(after) ?? []
    const planted = await signedIn(setup, path(), `${name}=planted`)
    expect(planted).toMatch(new RegExp(`${name}=[\\w-]{43}(?:;|$)`))
    expect((await setup.call(path(), { headers: { cookie: `${name}=planted`, ...none } })).status).toBe(200)
  })

  test('sessions and memory can be switched off, and end by themselves', async () => {
    const forgetful = await start({ lifetimes: { consent: 0 } })
    expect(
      (await forgetful.setup.call(forgetful.path(), { headers: { cookie: forgetful.cookie, ...none } })).status,
    ).toBe(200)
    expect((await start({ lifetimes: { session: 0 } })).cookie).toBe('')
    const { setup, path, cookie } = await start()
    setup.clock.advance(8 * 3600 + 1)
    expect((await setup.call(path(), { headers: { cookie, ...none } })).status).toBe(200)
  })
})

test('a person who says no leaves nothing behind', async () => {
  const setup = setUp()
  const client = await register(setup)
  const callback = await login(setup, authorizePath(client.client_id as string, pkce().challenge), { decision: 'deny' })
  expect(callback.searchParams.get('error')).toBe('access_denied')
})
