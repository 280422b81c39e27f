import { GatewayError } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { describe, expect, test } from 'vitest'
import {
  type Answer,
  answerOf,
  form,
  obtainCode,
  obtainTokens,
  register,
  resource,
  setUp,
} from '../../../test/fixture.js'

const setup = setUp({
  lifetimes: { revocationDelay: 0 },
  clients: [{ client_id: 'configured', redirect_uris: ['https://configured.example.com/cb'] }],
})

interface Registration {
  path: string
  token: string
  clientId: string
  answer: Record<string, unknown>
}

async function start(metadata: Record<string, unknown> = {}): Promise<Registration> {
  const answer = await register(setup, metadata)
  const path = new URL(answer.registration_client_uri as string).pathname
  return { path, token: answer.registration_access_token as string, clientId: answer.client_id as string, answer }
}

function manage(path: string, token: string | undefined, method = 'GET', body?: unknown): Promise<Response> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  if (body !== undefined) headers['content-type'] = 'application/json'
  return setup.call(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
}

const put = async ({ path, token, clientId }: Registration, changes: Record<string, unknown> = {}): Promise<Answer> =>
  answerOf(
    await manage(path, token, 'PUT', {
      client_id: clientId,
      redirect_uris: ['http://127.0.0.1:4321/callback'],
      token_endpoint_auth_method: 'none',
      ...changes,
    }),
  )

test('GET with the token tells the whole registration [attack 80]', async () => {
  const { path, token, clientId } = await start({ client_uri: 'https://a.example' })
  const answer = await answerOf(await manage(path, token))
  expect(answer).toMatchObject({
    status: 200,
    client_id: clientId,
    client_name: 'Test client',
    client_uri: 'https://a.example',
    registration_access_token: token,
    registration_client_uri: setup.server.issuer + path,
  })
})

describe('who has not the token learns nothing, not even who exists [attack 80]', () => {
  test('none, a wrong one, another client’s, an access token, an unknown client', async () => {
    const { path, token } = await start()
    const other = await start()
    const { tokens } = await obtainTokens(setup)
    const answers = await Promise.all([
      manage(path, undefined),
      manage(path, 'wrong'),
      manage(path, other.token),
      manage(path, tokens.access_token),
      manage('/register/client_unknown', token),
      manage('/register/', token),
      manage('/register/..%2f', token),
    ])
    const bodies = new Set<string>()
    for (const answer of answers) {
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /)
      bodies.add(await answer.text())
    }
    expect(bodies.size).toBe(1)
  })

  test('clients that nobody registered cannot be managed [attack 85]', async () => {
    const { token } = await start()
    for (const path of ['/register/configured', `/register/${encodeURIComponent('https://claude.ai/client.json')}`]) {
      expect((await manage(path, token)).status).toBe(401)
    }
  })
})

describe('PUT', () => {
  test('replaces everything: what is left out is reset [attack 81]', async () => {
    const registration = await start({ client_uri: 'https://a.example', contacts: ['me@example.com'] })
    const answer = await put(registration, { client_name: 'New name' })
    expect(answer).toMatchObject({ status: 200, client_name: 'New name' })
    expect(answer).not.toHaveProperty('client_uri')
    expect(answer).not.toHaveProperty('contacts')
  })

  test.each([
    [{ client_id: 'client_other' }],
    [{ client_id: undefined }],
    [{ registration_access_token: 'x' }],
    [{ registration_client_uri: 'https://evil.example.com' }],
    [{ client_secret_expires_at: 0 }],
    [{ client_id_issued_at: 1 }],
    [{ client_secret: 'chosen' }],
    [{ redirect_uris: ['javascript:alert(1)'] }],
  ])('%j is refused and changes nothing [attack 81]', async (changes) => {
    const registration = await start()
    expect((await put(registration, changes)).status).toBe(400)
    expect((await manage(registration.path, registration.token)).status).toBe(200)
  })

  test('a body that is null [attack 81]', async () => {
    const { path, token } = await start()
    expect((await manage(path, token, 'PUT', null)).status).toBe(400)
  })

  test('rotates the token [attack 82]', async () => {
    const registration = await start()
    const next = await put(registration)
    expect(next.registration_access_token).not.toBe(registration.token)
    expect((await manage(registration.path, registration.token)).status).toBe(401)
    expect((await manage(registration.path, next.registration_access_token as string)).status).toBe(200)
  })

  test('50 at once: one wins, the others hold an old token [attack 82]', async () => {
    const registration = await start()
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => put(registration, { client_name: `N${index}` })),
    )
    const winners = answers.filter(({ status }) => status === 200)
    expect(winners).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(49)
    const read = await answerOf(await manage(registration.path, winners[0]?.registration_access_token as string))
    expect(read.client_name).toBe(winners[0]?.client_name)
  })

  test('that drops a redirect URI ends the codes for it [attack 83]', async () => {
    const registration = await start()
    const { exchange } = await obtainCode(setup, registration.answer as Record<string, string>)
    await put(registration, { redirect_uris: ['https://other.example.com/cb'] })
    expect(await answerOf(await setup.call('/token', form(exchange)))).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    })
  })

  test('that asks for a secret makes it necessary at once [attack 83]', async () => {
    const registration = await start()
    const { exchange } = await obtainCode(setup, registration.answer as Record<string, string>)
    const next = await put(registration, { token_endpoint_auth_method: 'client_secret_post' })
    expect(await answerOf(await setup.call('/token', form(exchange)))).toMatchObject({
      status: 401,
      error: 'invalid_client',
    })
    const fields = { ...exchange, client_secret: next.client_secret as string }
    expect((await setup.call('/token', form(fields))).status).toBe(200)
  })
})

test('DELETE ends the client, its codes, its grants and their tokens [attack 84]', async () => {
  const registration = await start()
  const client = registration.answer as Record<string, string>
  const { tokens } = await obtainTokens(setup, client)
  const { exchange } = await obtainCode(setup, client)
  const verifier = setup.server.protect(resource)
  await verifier.verifyAccessToken(tokens.access_token as string)
  expect((await manage(registration.path, registration.token, 'DELETE')).status).toBe(204)
  expect((await manage(registration.path, registration.token)).status).toBe(401)
  expect((await manage(registration.path, registration.token, 'DELETE')).status).toBe(401)
  const refresh = {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token as string,
    client_id: registration.clientId,
  }
  for (const fields of [refresh, exchange]) {
    expect(await answerOf(await setup.call('/token', form(fields)))).toMatchObject({
      status: 401,
      error: 'invalid_client',
    })
  }
  await expect(verifier.verifyAccessToken(tokens.access_token as string)).rejects.toMatchObject({
    code: 'invalid_token',
  })
})

test('a DELETE that the store breaks off has not let go of the grants, and can be sent again [attack 84]', async () => {
  const inner = memoryStorage()
  let down = false
  const failing = setUp({
    lifetimes: { revocationDelay: 0 },
    storage: {
      ...inner,
      list: (...values) =>
        down ? Promise.reject(new GatewayError('temporarily_unavailable', 'away')) : inner.list(...values),
    },
  })
  const { client, tokens } = await obtainTokens(failing)
  const path = new URL(client.registration_client_uri as string).pathname
  const headers = { authorization: `Bearer ${client.registration_access_token}` }
  down = true
  expect((await failing.call(path, { method: 'DELETE', headers })).status).toBe(503)
  down = false
  expect((await failing.call(path, { method: 'DELETE', headers })).status).toBe(204)
  const verifier = failing.server.protect(resource)
  await expect(verifier.verifyAccessToken(tokens.access_token as string)).rejects.toMatchObject({
    code: 'invalid_token',
  })
})
