import { memoryStorage } from '@mcp-gateway/core/storage'
import { describe, expect, test } from 'vitest'
import {
  answerOf,
  form,
  issuer,
  obtainCode,
  obtainTokens,
  pkce,
  register,
  resource,
  type Setup,
  setUp,
} from '../../../test/fixture.js'

const setup = setUp({ lifetimes: { revocationDelay: 0 } })

async function exchange(fields: Record<string, string>, { call }: Setup = setup) {
  return answerOf(await call('/token', form(fields)))
}

test('a code that is used twice takes back what it gave [attack 34]', async () => {
  const { exchange: fields } = await obtainCode(setup)
  const first = await exchange(fields)
  const verifier = setup.server.protect(resource)
  await verifier.verifyAccessToken(first.access_token)
  expect(await exchange(fields)).toMatchObject({ status: 400, error: 'invalid_grant' })
  await expect(verifier.verifyAccessToken(first.access_token)).rejects.toMatchObject({
    code: 'invalid_token',
  })
  const refresh = {
    grant_type: 'refresh_token',
    refresh_token: first.refresh_token,
    client_id: fields.client_id as string,
  }
  expect(await exchange(refresh)).toMatchObject({ status: 400, error: 'invalid_grant' })
})

describe('a wrong exchange is invalid_grant and leaves the code as it is', () => {
  test.each([
    ['a wrong verifier [attack 36, attack 42]', { code_verifier: pkce().verifier }],
    ['no verifier (CVE-2025-4144) [attack 37]', { code_verifier: '' }],
    ['a verifier that is too short [attack 37]', { code_verifier: 'short' }],
    ['another redirect URI [attack 39]', { redirect_uri: 'http://127.0.0.1:9999/callback' }],
    ['a truncated code [attack 41]', { code: undefined }],
  ])('%s', async (_, changes) => {
    const { exchange: fields, code } = await obtainCode(setup)
    const wrong = { ...fields, ...changes, code: 'code' in changes ? code.slice(0, -1) : code }
    expect(await exchange(wrong as Record<string, string>)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await exchange(fields)).toMatchObject({ status: 200 })
  })

  test('another redirect URI of the same client [attack 39]', async () => {
    const elsewhere = 'https://client.example.com/callback'
    const client = await register(setup, { redirect_uris: ['http://127.0.0.1:4321/callback', elsewhere] })
    const { exchange: fields } = await obtainCode(setup, client)
    expect(await exchange({ ...fields, redirect_uri: elsewhere })).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    })
    expect(await exchange(fields)).toMatchObject({ status: 200 })
  })

  test('another client [attack 38]', async () => {
    const { exchange: fields } = await obtainCode(setup)
    const other = await register(setup)
    expect(await exchange({ ...fields, client_id: other.client_id as string })).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    })
    expect(await exchange(fields)).toMatchObject({ status: 200 })
  })

  test('a foreign resource is invalid_target [attack 43, A4]', async () => {
    const { exchange: fields } = await obtainCode(setup)
    expect(await exchange({ ...fields, resource: 'https://other.example.com/mcp' })).toMatchObject({
      status: 400,
      error: 'invalid_target',
    })
    expect(await exchange({ ...fields, resource })).toMatchObject({ status: 200 })
  })
})

describe('the redirect URI may be left out of the token request, since PKCE binds the code [OAuth 2.1 section 10.2]', () => {
  test.each([
    ['absent', (fields: URLSearchParams) => fields.delete('redirect_uri')],
    ['empty', (fields: URLSearchParams) => fields.set('redirect_uri', '')],
  ])('%s', async (_, change) => {
    const { exchange: known } = await obtainCode(setup)
    const fields = new URLSearchParams(known)
    change(fields)
    const bare = Object.fromEntries(fields)
    const { code_verifier: _verifier, ...unbound } = bare
    expect(await exchange(unbound)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await exchange({ ...bare, code_verifier: pkce().verifier })).toMatchObject({ error: 'invalid_grant' })
    expect(await exchange(bare)).toMatchObject({ status: 200 })
  })

  test('also by a client with a secret and several redirect URIs', async () => {
    const client = await register(setup, {
      token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: ['http://127.0.0.1:4321/callback', 'https://client.example.com/callback'],
    })
    const { exchange: known } = await obtainCode(setup, client)
    const { redirect_uri: _, ...bare } = { redirect_uri: '', ...known, client_secret: client.client_secret as string }
    expect(await exchange(bare)).toMatchObject({ status: 200 })
  })
})

test('a code is good for 60 seconds, or for as long as told [attack 40]', async () => {
  const young = await obtainCode(setup)
  setup.clock.advance(59)
  expect(await exchange(young.exchange)).toMatchObject({ status: 200 })
  const old = await obtainCode(setup)
  setup.clock.advance(61)
  expect(await exchange(old.exchange)).toMatchObject({ status: 400, error: 'invalid_grant' })
  expect(() => setUp({ lifetimes: { code: 601 } })).toThrow(/between 1 and 600/)
})

test('a code of one issuer is nothing to another one on the same store [attack 41]', async () => {
  const storage = memoryStorage()
  const here = setUp({ storage })
  const there = setUp({ storage, issuer: `${issuer}/tenant` })
  const { exchange: fields } = await obtainCode(here)
  const client = await register(there)
  expect(await exchange({ ...fields, client_id: client.client_id as string }, there)).toMatchObject({
    error: 'invalid_grant',
  })
})

test('the store holds no code, token or secret, only their hashes [attack 41]', async () => {
  const written: string[] = []
  const inner = memoryStorage()
  const storage = new Proxy(inner, {
    get(target, name: keyof typeof inner) {
      const method = target[name] as (...values: unknown[]) => unknown
      return (...values: unknown[]) => {
        written.push(JSON.stringify(values))
        return method.apply(target, values)
      }
    },
  })
  const watched = setUp({ storage })
  const client = await register(watched, { token_endpoint_auth_method: 'client_secret_post' })
  const { code, exchange: fields } = await obtainCode(watched, client)
  const tokens = await exchange({ ...fields, client_secret: client.client_secret as string }, watched)
  const again = await exchange(
    {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token,
      client_id: fields.client_id as string,
      client_secret: client.client_secret as string,
    },
    watched,
  )
  const everything = written.join('\n')
  for (const secret of [
    code,
    tokens.access_token,
    client.client_secret,
    client.registration_access_token,
    ...tokens.refresh_token.split('.').slice(1),
    ...again.refresh_token.split('.').slice(1),
  ]) {
    expect(secret?.length).toBeGreaterThan(20)
    expect(everything).not.toContain(secret)
  }
})

test('a client without the refresh grant gets no refresh token, and its access token works', async () => {
  const setup = setUp()
  const client = await register(setup, { grant_types: ['authorization_code'] })
  const { tokens } = await obtainTokens(setup, client)
  expect(tokens).not.toHaveProperty('refresh_token')
  await setup.server.protect(resource).verifyAccessToken(tokens.access_token as string)
})
