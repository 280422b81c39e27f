import { describe, expect, test } from 'vitest'
import {
  answerOf,
  authorizePath,
  errorByLink,
  form,
  issuer,
  obtainCode,
  obtainTokens,
  pkce,
  redirectUri,
  register,
  resource,
  setUp,
} from '../../test/fixture.js'

// What a gateway of the generation before got wrong, one test each; and what its clients rely on.

const setup = setUp()

describe('flaws', () => {
  test('PKCE was optional', async () => {
    const client = await register(setup)
    const path = authorizePath(client.client_id as string, '', {
      code_challenge: undefined,
      code_challenge_method: undefined,
    })
    expect((await errorByLink(await setup.call(path))).searchParams.get('error')).toBe('invalid_request')
  })

  test('a missing client_secret skipped client authentication', async () => {
    const client = await register(setup, { token_endpoint_auth_method: undefined })
    const { exchange } = await obtainCode(setup, client)
    expect(await answerOf(await setup.call('/token', form(exchange)))).toMatchObject({
      status: 401,
      error: 'invalid_client',
    })
  })

  test('refresh tokens were neither rotated nor bound to the client, and lost who the user was', async () => {
    const { client, tokens } = await obtainTokens(setup)
    const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token as string }
    const other = await register(setup)
    const foreign = await setup.call('/token', form({ ...fields, client_id: other.client_id as string }))
    expect((await answerOf(foreign)).error).toBe('invalid_grant')
    const next = await answerOf(await setup.call('/token', form({ ...fields, client_id: client.client_id as string })))
    expect(next.refresh_token).not.toBe(tokens.refresh_token)
    const { extra } = await setup.server.protect(resource).verifyAccessToken(next.access_token)
    expect(extra).toMatchObject({ subject: 'dev|alice', claims: { preferred_username: 'alice' } })
  })

  test('codes were kept for a year, and taken by get and delete', async () => {
    const { exchange } = await obtainCode(setup)
    const late = setUp({ storage: setup.storage, now: () => setup.clock.now() + 61_000 })
    expect((await answerOf(await late.call('/token', form(exchange)))).error).toBe('invalid_grant')
  })

  test('redirect hosts were matched by prefix', async () => {
    const response = await setup.call('/register', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['http://localhost.evil.com/callback'] }),
    })
    expect((await answerOf(response)).error).toBe('invalid_redirect_uri')
  })

  test('pages reflected what they were sent', async () => {
    const client = await register(setup)
    for (const changes of [{ client_id: '<b>x</b>' }, { redirect_uri: 'https://x/<b>y</b>' }, { scope: '<b>z</b>' }]) {
      const page = await setup.call(authorizePath(client.client_id as string, pkce().challenge, changes))
      expect(await page.text()).not.toMatch(/<b>[xyz]/)
    }
  })

  test.each(['/introspect', '/revoke'])('%s answered without a secret', async (path) => {
    const guarded = setUp({
      resourceServers: [{ client_id: 'rs', client_secret: 's'.repeat(16), resources: [resource] }],
    })
    const client = await register(guarded, { token_endpoint_auth_method: 'client_secret_basic' })
    const response = await guarded.call(path, form({ token: 'x', client_id: client.client_id as string }))
    expect(response.status).toBe(401)
  })

  test('refresh tokens survived the deletion of their client', async () => {
    const { client, tokens } = await obtainTokens(setup)
    const path = new URL(client.registration_client_uri as string).pathname
    const headers = { authorization: `Bearer ${client.registration_access_token}` }
    expect((await setup.call(path, { method: 'DELETE', headers })).status).toBe(204)
    const fields = {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token as string,
      client_id: client.client_id as string,
    }
    expect((await answerOf(await setup.call('/token', form(fields)))).status).toBe(401)
  })

  test('iss was advertised and not sent', async () => {
    const { client } = await obtainTokens(setup)
    const path = authorizePath(client.client_id as string, pkce().challenge, { response_type: 'token' })
    expect((await errorByLink(await setup.call(path))).searchParams.get('iss')).toBe(issuer)
  })
})

describe('what its clients rely on', () => {
  test('registration answers with everything, and a lifetime of 0 is for ever', async () => {
    const eternal = setUp({ lifetimes: { client: 0, unusedClient: 86_400 } })
    const { client } = await obtainTokens(eternal)
    expect(client).toMatchObject({
      client_id: expect.stringMatching(/^client_/),
      client_id_issued_at: expect.any(Number),
      registration_access_token: expect.any(String),
      registration_client_uri: expect.stringContaining(`${issuer}/register/client_`),
    })
    eternal.clock.advance(1000 * 86_400)
    expect((await eternal.call(authorizePath(client.client_id as string, pkce().challenge))).status).toBe(200)
  })

  test('a resource must have been granted when it was authorized', async () => {
    const { exchange } = await obtainCode(setup)
    const answer = await answerOf(await setup.call('/token', form({ ...exchange, resource: `${issuer}/other` })))
    expect(answer).toMatchObject({ status: 400, error: 'invalid_target' })
  })

  test('the keys of its records are still the names of ours', async () => {
    const names = new Set<string>()
    const inner = setup.storage
    const watched = setUp({
      accessTokens: 'opaque',
      storage: {
        ...inner,
        set: (key, value, options) => {
          for (const name of [key, ...(options.lists ?? [])]) names.add(name.split(':').slice(0, 2).join(':'))
          return inner.set(key, value, options)
        },
        add: (key, value, options) => {
          for (const name of [key, ...(options.lists ?? [])]) names.add(name.split(':').slice(0, 2).join(':'))
          return inner.add(key, value, options)
        },
      },
    })
    await obtainTokens(watched, await register(watched, { redirect_uris: [redirectUri] }))
    for (const name of ['client', 'state', 'code', 'refresh', 'token', 'user_tokens'])
      expect(names).toContain(`oauth:${name}`)
  })
})
