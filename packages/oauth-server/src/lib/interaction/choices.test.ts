import { expect, test } from 'vitest'
import { authorizePath, form, pkce, redirectUri, register, setUp } from '../../../test/fixture.js'
import type { AuthorizationServerOptions } from '../server/options.js'

const scopes = { notes: 'Read your notes', share: 'Share notes', admin: 'Do everything' }
const options = { scopes, optionalScopes: ['share'] }
const asked = 'notes share admin offline_access'

/** Asks, answers with what is ticked, signs in, and trades the code in. */
async function connect(
  answer: (ticked: string[]) => string[] | undefined,
  more: { scope?: string; options?: Partial<AuthorizationServerOptions>; extra?: [string, string][] } = {},
) {
  const setup = setUp({ ...options, ...more.options })
  const client = await register(setup, { grant_types: ['authorization_code', 'refresh_token'] })
  const { verifier, challenge } = pkce()
  const page = await setup.call(authorizePath(client.client_id as string, challenge, { scope: more.scope ?? asked }))
  const cookie = page.headers.getSetCookie().map((line) => line.split(';')[0])
  const text = await page.text()
  const boxes = [...text.matchAll(/<input type="checkbox" name="scope" value="([^"]+)" checked>/g)].map(
    ([, value = '']) => value,
  )
  const ticked = answer(boxes)
  const fields = new URLSearchParams([
    ['transaction', /name="transaction" value="([^"]+)"/.exec(text)?.[1] ?? ''],
    ['decision', 'approve'],
    ...(ticked === undefined ? [] : [['choices', 'shown'], ...ticked.map((scope) => ['scope', scope])]),
    ...(more.extra ?? []),
  ] as [string, string][])
  const step = await setup.call('/consent', form(fields, { cookie: cookie.join('; ') }))
  const location = new URL(step.headers.get('location') ?? '')
  const jar = step.headers.getSetCookie().map((line) => line.split(';')[0])
  const state = location.searchParams.get('state') ?? ''
  const done = await setup.call('/login', form({ state, username: 'alice' }, { cookie: jar.join('; ') }))
  const code = new URL(done.headers.get('location') ?? '').searchParams.get('code') ?? ''
  const exchange = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri }
  const tokens = await setup.call('/token', form({ ...exchange, client_id: client.client_id as string }))
  const granted = (await tokens.json()) as { scope: string; refresh_token?: string }
  const refresh = async (scope: string) => {
    const { refresh_token = '' } = granted
    const fields = { grant_type: 'refresh_token', refresh_token, client_id: client.client_id as string, scope }
    return (await (await setup.call('/token', form(fields))).json()) as { scope?: string; error?: string }
  }
  return { text, boxes, tokens: granted, refresh }
}

test('a person can leave out offline_access and optional scopes, and sees them beside what cannot be left out', async () => {
  const { text, boxes, tokens } = await connect((all) => all)
  expect(boxes).toEqual(['share', 'offline_access'])
  expect([...text.matchAll(/<li>([^<]*)<\/li>/g)].map(([, item]) => item)).toEqual(['Read your notes', 'Do everything'])
  expect(tokens.scope).toBe(asked)
  expect(tokens.refresh_token).toBeTruthy()
})

test('what is unticked is not granted, and the client is told', async () => {
  const { tokens } = await connect(() => ['offline_access'])
  expect(tokens.scope).toBe('notes admin offline_access')
  expect(tokens.refresh_token).toBeTruthy()
})

test('a refresh with the scope that was asked for at first leaves the same out, and asks for no more [attack 63]', async () => {
  const { tokens, refresh } = await connect(() => ['offline_access'], { scope: 'notes share offline_access' })
  expect(tokens.scope).toBe('notes offline_access')
  expect((await refresh('share')).error).toBe('invalid_scope')
  expect((await refresh('notes admin')).error).toBe('invalid_scope')
  expect((await refresh('notes share offline_access')).scope).toBe('notes offline_access')
})

test('without offline_access there is no refresh token', async () => {
  const { tokens } = await connect(() => ['share'])
  expect(tokens.scope).toBe('notes share admin')
  expect(tokens).not.toHaveProperty('refresh_token')
})

test('nothing else can be left out or added by the form', async () => {
  const { tokens } = await connect(() => [], { extra: [['scope', 'other']], scope: 'notes share' })
  expect(tokens.scope).toBe('notes')
  const more = await connect(() => ['share', 'admin', 'offline_access'], { scope: 'notes share' })
  expect(more.tokens.scope).toBe('notes share')
})

test('a page without boxes has nothing to untick, and its answer leaves nothing out', async () => {
  const { text, tokens } = await connect(() => undefined, { scope: 'notes admin' })
  expect(text).not.toContain('<fieldset')
  expect(tokens.scope).toBe('notes admin')
  expect(tokens.refresh_token).toBeTruthy()
  expect((await connect(() => undefined)).tokens.scope).toBe(asked)
})

/** A client with a redirect URI over https, for which approvals are remembered, and a browser that keeps its cookies. */
async function httpsClient(metadata: object = {}) {
  const https = 'https://client.example.com/cb'
  const setup = setUp(options)
  const { client_id = '' } = (await register(setup, { redirect_uris: [https], ...metadata })) as { client_id?: string }
  const { challenge } = pkce()
  const pathFor = (scope: string) => authorizePath(client_id, challenge, { scope, redirect_uri: https })
  const jar = new Map<string, string>()
  const go = async (at: string, init: RequestInit = {}) => {
    const headers = {
      ...(init.headers as Record<string, string>),
      cookie: [...jar.values()].join('; '),
      'sec-fetch-site': 'none',
    }
    const response = await setup.call(at, { ...init, headers })
    for (const line of response.headers.getSetCookie())
      jar.set(line.split('=')[0] as string, line.split(';')[0] as string)
    return response
  }
  /** Approves with these boxes ticked, and signs in. */
  const approve = async (scope: string, ticked: readonly string[] = []) => {
    const transaction = /name="transaction" value="([^"]+)"/.exec(await (await go(pathFor(scope))).text())?.[1] ?? ''
    const fields = [
      ['transaction', transaction],
      ['decision', 'approve'],
      ['choices', 'shown'],
      ...ticked.map((one) => ['scope', one]),
    ]
    const step = await go('/consent', form(new URLSearchParams(fields)))
    const state = new URL(step.headers.get('location') ?? '').searchParams.get('state') ?? ''
    return go('/login', form({ state, username: 'alice' }))
  }
  return { pathFor, go, approve }
}

test('what a person left out once is asked for again, and not silently granted', async () => {
  const { pathFor, go, approve } = await httpsClient()
  await approve('notes share')
  expect((await go(pathFor('notes share'))).status).toBe(200)
  expect((await go(pathFor('notes'))).status).toBe(303)
})

test('whoever left out offline_access is asked before there is a refresh token [attack 106]', async () => {
  const { pathFor, go, approve } = await httpsClient({ grant_types: ['authorization_code', 'refresh_token'] })
  const { status } = await approve('notes offline_access')
  expect(status).toBe(303)
  // Clients get a refresh token without asking for the scope
  expect((await go(pathFor('notes'))).status).toBe(200)
})

test('optionalScopes that are no scopes do not start', () => {
  expect(() => setUp({ scopes, optionalScopes: ['none'] })).toThrow(/optionalScopes.*none/)
})
