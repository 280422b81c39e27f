import { memoryStorage } from '@mcp-gateway/core/storage'
import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  type Answer,
  answerOf,
  authorizePath,
  form,
  obtainTokens,
  pkce,
  register,
  resource,
  type Setup,
  setUp,
} from '../../../test/fixture.js'
import type { IdentityProvider } from '../server/identity-provider.js'
import type { AuthorizationServerOptions } from '../server/options.js'
import type { GrantUser } from '../store/grant.js'

const day = 86_400

/** A provider that names roles and groups at the login, and never again. */
const provider: IdentityProvider = {
  name: 'company',
  title: 'the company',
  begin: async () => ({ form: [{ name: 'username', label: 'User name' }], submit: 'Sign in' }),
  complete: async () => ({
    user: { id: 'alice', username: 'alice', email: 'alice@example.com', roles: ['admin', 'reader'], groups: ['staff'] },
  }),
}

async function start(options: Partial<AuthorizationServerOptions> = {}) {
  const setup = setUp({
    identityProvider: provider,
    resourceServers: [{ client_id: 'rs', client_secret: 's'.repeat(16), resources: [resource] }],
    ...options,
  })
  const verifier = setup.server.protect(resource)
  const { client, tokens } = await obtainTokens(setup)
  const at = {
    setup,
    client,
    verifier,
    token: tokens.access_token as string,
    refreshToken: tokens.refresh_token as string,
  }
  return at
}

const refresh = async ({ call }: Setup, client: Record<string, string>, token: string): Promise<Answer> =>
  answerOf(
    await call(
      '/token',
      form({ grant_type: 'refresh_token', refresh_token: token, client_id: client.client_id ?? '' }),
    ),
  )

const introspect = async ({ call }: Setup, token: string): Promise<Answer> =>
  answerOf(await call('/introspect', form({ token, client_id: 'rs', client_secret: 's'.repeat(16) })))

describe('rights that were taken away', () => {
  test('leave the tokens at the next refresh, with every claim that is gone [finding 15]', async () => {
    let now: Partial<GrantUser> | boolean = true
    const { setup, client, token, refreshToken } = await start({ checkUser: () => now })
    expect(decodeJwt(token)).toMatchObject({ roles: ['admin', 'reader'], groups: ['staff'] })
    now = { username: 'alice', roles: ['reader'] }
    const next = await refresh(setup, client, refreshToken)
    const claims = decodeJwt(next.access_token)
    expect(claims).toMatchObject({ sub: 'company|alice', preferred_username: 'alice', roles: ['reader'] })
    expect(claims).not.toHaveProperty('groups')
    expect(claims).not.toHaveProperty('email')
    // They stay away when nobody names them any more
    now = true
    const after = await refresh(setup, client, next.refresh_token)
    expect(decodeJwt(after.access_token)).toMatchObject({ roles: ['reader'] })
  })

  test.each(['jwt', 'opaque'] as const)(
    'make %s tokens of before as good as revoked, also for introspection [finding 15]',
    async (accessTokens) => {
      let now: Partial<GrantUser> | boolean = true
      const { setup, client, verifier, token, refreshToken } = await start({
        accessTokens,
        lifetimes: { revocationDelay: 0 },
        checkUser: () => now,
      })
      await verifier.verifyAccessToken(token)
      expect(await introspect(setup, token)).toMatchObject({ active: true, roles: ['admin', 'reader'] })
      now = { username: 'alice', email: 'alice@example.com', roles: ['reader'], groups: ['staff'] }
      const next = await refresh(setup, client, refreshToken)
      const { status: _, headers: __, ...answer } = await introspect(setup, token)
      expect(answer).toEqual({ active: false })
      await expect(verifier.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
      expect((await verifier.verifyAccessToken(next.access_token)).extra).toMatchObject({ roles: ['reader'] })
      expect(await introspect(setup, next.access_token)).toMatchObject({ active: true, roles: ['reader'] })
      // Rights that were given end nothing
      now = { username: 'alice', email: 'alice@example.com', roles: ['reader', 'writer'], groups: ['staff'] }
      const more = await refresh(setup, client, next.refresh_token)
      await verifier.verifyAccessToken(next.access_token)
      expect((await verifier.verifyAccessToken(more.access_token)).extra).toMatchObject({ roles: ['reader', 'writer'] })
    },
  )

  test('leave the tokens of whoever trades the same refresh token in again [finding 15]', async () => {
    let now: Partial<GrantUser> | boolean = true
    const { setup, client, refreshToken } = await start({ checkUser: () => now })
    const first = await refresh(setup, client, refreshToken)
    now = { roles: ['reader'] }
    const again = await refresh(setup, client, refreshToken)
    expect(again.refresh_token).toBe(first.refresh_token)
    expect(decodeJwt(again.access_token)).toMatchObject({ roles: ['reader'] })
    expect((await introspect(setup, first.access_token)).active).toBe(false)
  })

  test('are not in tokens of a new login, nor of a session with a remembered consent [finding 15]', async () => {
    let now: Partial<GrantUser> = { roles: ['reader'] }
    const https = 'https://client.example.com/cb'
    const { setup } = await start({ checkUser: () => now })
    const client = await register(setup, { redirect_uris: [https] })
    const { verifier, challenge } = pkce()
    const path = authorizePath(client.client_id as string, challenge, { redirect_uri: https })
    const page = await setup.call(path)
    const transaction = /name="transaction" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
    const step = await setup.call('/consent', form({ transaction, decision: 'approve' }, { cookie: jar(page) }))
    const state = new URL(step.headers.get('location') ?? '').searchParams.get('state') ?? ''
    const done = await setup.call('/login', form({ state, username: 'alice' }, { cookie: jar(step) }))
    const exchange = async (response: Response) =>
      decodeJwt(
        (
          await answerOf(
            await setup.call(
              '/token',
              form({
                grant_type: 'authorization_code',
                code: new URL(response.headers.get('location') ?? '').searchParams.get('code') ?? '',
                code_verifier: verifier,
                redirect_uri: https,
                client_id: client.client_id as string,
              }),
            ),
          )
        ).access_token,
      )
    expect(await exchange(done)).toMatchObject({ roles: ['reader'] })
    now = {}
    const silent = await setup.call(path, { headers: { cookie: jar(done), 'sec-fetch-site': 'none' } })
    expect(silent.status).toBe(303)
    expect(await exchange(silent)).not.toHaveProperty('roles')
  })
})

function jar(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
}

describe('a grant that carries roles or groups', () => {
  test('ends after seven days however often it is refreshed, where nobody confirms them [finding 15]', async () => {
    const { setup, client, refreshToken } = await start({ checkUser: () => true })
    let next = refreshToken
    let token = ''
    for (let turn = 0; turn < 6; turn++) {
      setup.clock.advance(day)
      const answer = await refresh(setup, client, next)
      expect(answer.status).toBe(200)
      next = answer.refresh_token
      token = answer.access_token
    }
    setup.clock.advance(day - 1800)
    const last = await refresh(setup, client, next)
    token = last.access_token
    expect((await introspect(setup, token)).active).toBe(true)
    setup.clock.advance(1801)
    expect(await refresh(setup, client, last.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect((await introspect(setup, token)).active).toBe(false)
  })

  test('goes on where checkUser names the user anew, and where it carries none [finding 15]', async () => {
    const confirmed = await start({ checkUser: (user) => ({ ...user, roles: ['reader'] }) })
    const plain = await start({ identityProvider: { ...provider, complete: async () => ({ user: { id: 'alice' } }) } })
    for (const { setup, client, refreshToken } of [confirmed, plain]) {
      let next = refreshToken
      for (let turn = 0; turn < 5; turn++) {
        setup.clock.advance(6 * day)
        const answer = await refresh(setup, client, next)
        expect(answer.status).toBe(200)
        next = answer.refresh_token
      }
    }
  })

  test('ends when the option says, from the login on and not from a silent approval after it [finding 15]', async () => {
    const short = await start({ lifetimes: { grantWithRights: 3600 } })
    short.setup.clock.advance(3601)
    expect(await refresh(short.setup, short.client, short.refreshToken)).toMatchObject({ error: 'invalid_grant' })
    const eternal = await start({ lifetimes: { grantWithRights: 0 } })
    eternal.setup.clock.advance(20 * day)
    expect((await refresh(eternal.setup, eternal.client, eternal.refreshToken)).status).toBe(200)
  })

  test('ends too if it was stored before there was this end [finding 15]', async () => {
    const storage = memoryStorage()
    const { setup, client, refreshToken } = await start({ storage, lifetimes: { grantWithRights: 0 } })
    const later = setUp({ storage, identityProvider: provider, now: () => setup.clock.now() + 8 * day * 1000 })
    expect(await refresh(later, client, refreshToken)).toMatchObject({ error: 'invalid_grant' })
  })
})

describe('an answer of checkUser that makes no sense', () => {
  test.each([
    ['another subject', { subject: 'company|mallory' }],
    ['roles that are no list', { roles: 'admin' }],
    ['roles that are no strings', { roles: [1] }],
    ['a name that is no string', { name: {} }],
    ['no rows of a query', []],
    ['rows of a query', [{ subject: 'company|alice' }]],
    ['the result of a query', { rows: [] }],
    ['a verdict in an object', { active: false }],
    ['a response', new Response(null, { status: 403 })],
    ['an error', new TypeError('no such user')],
    ['an error with a name of its own', Object.assign(new Error('no'), { name: 'NoSuchUser' })],
    ['a map', new Map([['roles', ['admin']]])],
  ])('is an outage and gives nothing: %s [finding 15]', async (_, answer) => {
    let now: unknown = true
    const { setup, client, refreshToken } = await start({ checkUser: () => now as boolean })
    now = answer
    expect(await refresh(setup, client, refreshToken)).toMatchObject({ status: 503, error: 'temporarily_unavailable' })
    now = true
    expect((await refresh(setup, client, refreshToken)).status).toBe(200)
  })

  test.each([undefined, null, 'yes', 1])('is no yes: %j [finding 15]', async (answer) => {
    let now: unknown = true
    const { setup, client, refreshToken } = await start({ checkUser: () => now as boolean })
    now = answer
    expect(await refresh(setup, client, refreshToken)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
})
