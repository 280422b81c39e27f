import { expect, test } from 'vitest'
import { answerOf, form, obtainTokens, register, resource, setUp } from '../../../test/fixture.js'

async function start(metadata: Record<string, unknown> = {}, options: Parameters<typeof setUp>[0] = {}) {
  const setup = setUp({ lifetimes: { revocationDelay: 0 }, ...options })
  const client = await register(setup, metadata)
  const { tokens } = await obtainTokens(setup, client)
  const verifier = setup.server.protect(resource)
  const works = (): Promise<boolean> =>
    verifier.verifyAccessToken(tokens.access_token as string).then(
      () => true,
      () => false,
    )
  const revoke = (token: string | undefined, more: Record<string, string> = {}): Promise<Response> =>
    setup.call('/revoke', form({ token: token ?? '', client_id: client.client_id as string, ...more }))
  return { setup, client, tokens, works, revoke }
}

test('an unknown token is 200 [attack 70]', async () => {
  const { revoke } = await start()
  for (const token of ['unknown', 'rt.a.b', `rt.${'a'.repeat(43)}.${'b'.repeat(43)}`, 'a.b.c', 'at.x']) {
    expect((await revoke(token)).status).toBe(200)
  }
})

test('another client’s token is 200 and stays good [attack 70]', async () => {
  const { setup, tokens, works } = await start()
  const other = await register(setup)
  for (const token of [tokens.refresh_token, tokens.access_token] as string[]) {
    const response = await setup.call('/revoke', form({ token, client_id: other.client_id as string }))
    expect(response.status).toBe(200)
  }
  expect(await works()).toBe(true)
})

test.each(['refresh_token', 'access_token'])(
  'a %s ends the grant, whatever the hint says [attack 70]',
  async (kind) => {
    const { setup, client, tokens, works, revoke } = await start()
    expect(await works()).toBe(true)
    const hint = kind === 'refresh_token' ? 'access_token' : 'refresh_token'
    expect((await revoke(tokens[kind], { token_type_hint: hint })).status).toBe(200)
    expect(await works()).toBe(false)
    const fields = {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token as string,
      client_id: client.client_id as string,
    }
    expect(await answerOf(await setup.call('/token', form(fields)))).toMatchObject({ error: 'invalid_grant' })
  },
)

test('a client with a secret must send it, and nobody is nobody [attack 70]', async () => {
  const setup = setUp()
  const client = await register(setup, { token_endpoint_auth_method: 'client_secret_post' })
  const without = await setup.call('/revoke', form({ token: 'x', client_id: client.client_id as string }))
  expect(await answerOf(without)).toMatchObject({ status: 401, error: 'invalid_client' })
  expect(await answerOf(await setup.call('/revoke', form({ token: 'x' })))).toMatchObject({ status: 401 })
  expect((await setup.call('/revoke')).status).toBe(405)
})

test('a revoked access token passes for the revocation delay at most [attack 135]', async () => {
  const { setup, works, revoke, tokens } = await start({}, { lifetimes: { revocationDelay: 10 } })
  expect(await works()).toBe(true)
  await revoke(tokens.refresh_token)
  expect(await works()).toBe(true)
  setup.clock.advance(11)
  expect(await works()).toBe(false)
})

test('opaque tokens work, are bound to their resource and can be revoked', async () => {
  const other = `${resource}/other`
  const { setup, tokens, works, revoke } = await start(
    {},
    { accessTokens: 'opaque', lifetimes: { revocationDelay: 0 } },
  )
  expect(tokens.access_token).toMatch(/^at\.[A-Za-z0-9_-]{43}$/)
  const auth = await setup.server.protect(resource).verifyAccessToken(tokens.access_token as string)
  expect(auth).toMatchObject({ scopes: ['mcp'], extra: { subject: 'dev|alice', issuer: setup.server.issuer } })
  await expect(setup.server.protect(other).verifyAccessToken(tokens.access_token as string)).rejects.toMatchObject({
    code: 'invalid_token',
  })
  await revoke(tokens.access_token)
  expect(await works()).toBe(false)
})
