import { createSigningKeys } from '@mcp-gateway/core/keys'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  answerOf,
  authorizePath,
  form,
  issuer,
  login,
  obtainCode,
  obtainTokens,
  pkce,
  redirectUri,
  register,
  resource,
  setUp,
} from '../../test/fixture.js'

describe('the whole walk', () => {
  test('ends in tokens that the verifier of the resource accepts', async () => {
    const setup = setUp()
    const verifier = setup.server.protect(resource)
    const { client, tokens } = await obtainTokens(setup)
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'mcp' })
    expect(decodeProtectedHeader(tokens.access_token as string)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
    expect(decodeJwt(tokens.access_token as string)).toMatchObject({
      iss: issuer,
      aud: resource,
      sub: 'dev|alice',
      client_id: client.client_id,
      scope: 'mcp',
      preferred_username: 'alice',
    })
    const auth = await verifier.verifyAccessToken(tokens.access_token as string)
    expect(auth).toMatchObject({ clientId: client.client_id, scopes: ['mcp'] })
  })

  test('refreshes, and the new access token is good', async () => {
    const setup = setUp()
    const verifier = setup.server.protect(resource)
    const { client, tokens } = await obtainTokens(setup)
    const response = await setup.call(
      '/token',
      form({
        grant_type: 'refresh_token',
        refresh_token: tokens.refresh_token as string,
        client_id: client.client_id as string,
      }),
    )
    expect(response.status).toBe(200)
    const next = (await response.json()) as Record<string, string>
    expect(next.refresh_token).not.toBe(tokens.refresh_token)
    await expect(verifier.verifyAccessToken(next.access_token as string)).resolves.toMatchObject({ scopes: ['mcp'] })
  })

  test('sends access_denied back when the person says no [attack 27, A5]', async () => {
    const setup = setUp()
    const client = await register(setup)
    const path = authorizePath(client.client_id as string, pkce().challenge)
    const callback = await login(setup, path, { decision: 'deny' })
    expect(Object.fromEntries(callback.searchParams)).toMatchObject({
      error: 'access_denied',
      state: 'some-state',
      iss: issuer,
    })
  })

  test('answers with exactly one code, state and iss [attack 33, A5]', async () => {
    const setup = setUp()
    const client = await register(setup)
    const callback = await login(setup, authorizePath(client.client_id as string, pkce().challenge))
    expect([...callback.searchParams.keys()].sort()).toEqual(['code', 'iss', 'state'])
    expect(callback.searchParams.get('iss')).toBe(issuer)
    expect(callback.href.startsWith(`${redirectUri}?`)).toBe(true)
  })
})

test('a revoked refresh token takes its access tokens with it', async () => {
  const setup = setUp({ lifetimes: { revocationDelay: 0 } })
  const verifier = setup.server.protect(resource)
  const { client, tokens } = await obtainTokens(setup)
  await verifier.verifyAccessToken(tokens.access_token as string)
  const response = await setup.call(
    '/revoke',
    form({ token: tokens.refresh_token as string, client_id: client.client_id as string }),
  )
  expect(response.status).toBe(200)
  await expect(verifier.verifyAccessToken(tokens.access_token as string)).rejects.toMatchObject({
    code: 'invalid_token',
  })
})

test('50 exchanges of one code at once: one gets tokens [attack 35]', async () => {
  const setup = setUp()
  const { exchange } = await obtainCode(setup)
  const statuses = await Promise.all(
    Array.from({ length: 50 }, async () => (await setup.call('/token', form(exchange))).status),
  )
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(statuses.filter((status) => status === 400)).toHaveLength(49)
})

test('50 refreshes with one token at once: all get the same successor [attack 60, attack 62]', async () => {
  const setup = setUp()
  const { client, tokens } = await obtainTokens(setup)
  const request = {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token as string,
    client_id: client.client_id as string,
  }
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => (await setup.call('/token', form(request))).json()),
  )
  const successors = new Set(answers.map((answer) => (answer as { refresh_token?: string }).refresh_token))
  expect(successors.size).toBe(1)
  expect([...successors][0]).toMatch(/^rt\./)
})

test.each(['RS256', 'EdDSA'] as const)(
  'tokens can be signed with %s, which every part of the server takes',
  async (algorithm) => {
    const storage = memoryStorage()
    const setup = setUp({
      storage,
      signingKeys: createSigningKeys({ issuer, storage, algorithm }),
      resourceServers: [{ client_id: 'rs', client_secret: 's'.repeat(16), resources: [resource] }],
    })
    const { tokens } = await obtainTokens(setup)
    const token = tokens.access_token as string
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: algorithm, typ: 'at+jwt' })
    await setup.server.protect(resource).verifyAccessToken(token)
    const asked = await setup.call('/introspect', form({ token, client_id: 'rs', client_secret: 's'.repeat(16) }))
    expect(await answerOf(asked)).toMatchObject({ active: true })
  },
)
