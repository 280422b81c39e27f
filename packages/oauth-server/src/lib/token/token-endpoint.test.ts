import { describe, expect, test } from 'vitest'
import { answerOf, form, obtainCode, obtainTokens, redirectUri, register, setUp } from '../../../test/fixture.js'

const setup = setUp()
const basic = (id: string, secret: string): string => `Basic ${btoa(`${id}:${secret}`)}`

async function post(init: RequestInit, path = '/token') {
  const response = await setup.call(path, init)
  expect(response.headers.get('cache-control')).toBe('no-store')
  return answerOf(response)
}

test('GET is 405 and says so [attack 44, attack 156]', async () => {
  const response = await setup.call('/token')
  expect(response.status).toBe(405)
  expect(response.headers.get('allow')).toBe('POST')
})

test.each([
  ['application/json', 400],
  ['text/plain', 400],
  ['application/json, application/x-www-form-urlencoded', 400],
  ['application/x-www-form-urlencoded; charset=utf-8', 200],
  ['Application/X-WWW-Form-Urlencoded', 200],
])('a body of type %s is answered %i [attack 45]', async (type, status) => {
  const { exchange } = await obtainCode(setup)
  const body = new URLSearchParams(exchange).toString()
  const answer = await post({ method: 'POST', body, headers: { 'Content-Type': type } })
  expect(answer.status).toBe(status)
  if (status === 400) expect(answer.error).toBe('invalid_request')
})

test.each(['grant_type', 'code', 'client_id', 'code_verifier', 'client_secret', 'refresh_token'])(
  '%s twice is invalid_request [attack 46]',
  async (name) => {
    const { exchange } = await obtainCode(setup)
    const fields = new URLSearchParams(exchange)
    fields.append(name, 'a')
    fields.append(name, 'b')
    expect(await post(form(fields))).toMatchObject({ status: 400, error: 'invalid_request' })
  },
)

test('parameters in the URL are not read, and credentials there are refused [attack 47]', async () => {
  const { exchange } = await obtainCode(setup)
  const { grant_type, ...rest } = exchange
  expect(await post(form(rest), `/token?grant_type=${grant_type}`)).toMatchObject({ error: 'invalid_request' })
  expect(await post(form(exchange), '/token?client_secret=x')).toMatchObject({ status: 400, error: 'invalid_request' })
})

describe('client authentication', () => {
  test('two ways at once are invalid_request [attack 48]', async () => {
    const client = await register(setup, { token_endpoint_auth_method: undefined })
    const { exchange } = await obtainCode(setup, client)
    const header = { authorization: basic(client.client_id as string, client.client_secret as string) }
    const fields = { ...exchange, client_secret: client.client_secret as string }
    expect(await post(form(fields, header))).toMatchObject({ status: 400, error: 'invalid_request' })
  })

  test.each([
    ['Basic !!!'],
    ['Basic'],
    [`Basic ${btoa('no-colon')}`],
    [`Basic ${btoa(':secret')}`],
    [`Basic ${btoa('%zz:secret')}`],
  ])('%s is 401 with a challenge [attack 49]', async (authorization) => {
    const { exchange } = await obtainCode(setup)
    const answer = await post(form(exchange, { authorization }))
    expect(answer).toMatchObject({ status: 401, error: 'invalid_client' })
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=/)
  })

  test.each(['Bearer abc', 'bearer', 'DPoP abc', 'Digest username="x"', 'Negotiate YII', '', 'Basically x'])(
    'what is left in the header and is no client authentication, %j, is not taken for one [attack 49]',
    async (authorization) => {
      const { exchange, client } = await obtainCode(setup)
      const tokens = await post(form(exchange, { authorization }))
      expect(tokens.status).toBe(200)
      const { refresh_token } = tokens
      const refresh = { grant_type: 'refresh_token', refresh_token, client_id: client.client_id as string }
      expect(await post(form(refresh, { authorization }))).toMatchObject({ status: 200 })
      const confidential = await register(setup, { token_endpoint_auth_method: 'client_secret_post' })
      const { exchange: other } = await obtainCode(setup, confidential)
      expect(await post(form(other, { authorization }))).toMatchObject({ status: 401, error: 'invalid_client' })
      const secret = { client_secret: confidential.client_secret as string }
      expect(await post(form({ ...other, ...secret }, { authorization }))).toMatchObject({ status: 200 })
      const { client_id: _, ...nameless } = exchange
      expect(await post(form(nameless, { authorization }))).toMatchObject({ status: 401, error: 'invalid_client' })
    },
  )

  test('a token of the resource in the header of a revocation changes nothing about it [attack 70]', async () => {
    const { client, tokens } = await obtainTokens(setup)
    const authorization = `Bearer ${tokens.access_token}`
    const fields = { token: tokens.refresh_token as string, client_id: client.client_id as string }
    expect((await setup.call('/revoke', form(fields, { authorization }))).status).toBe(200)
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token as string }
    expect(await post(form({ ...refresh, client_id: client.client_id as string }))).toMatchObject({ status: 400 })
  })

  test('the scheme is case-insensitive and both parts are form-decoded [attack 49]', async () => {
    const client = await register(setup, { token_endpoint_auth_method: 'client_secret_basic' })
    const { exchange } = await obtainCode(setup, client)
    const encoded = (client.client_id as string).replace('client_', 'client%5F')
    const authorization = basic(encoded, client.client_secret as string).replace('Basic', 'bAsIc')
    expect(await post(form(exchange, { authorization }))).toMatchObject({ status: 200 })
  })

  describe('HTTP clients that do not form-encode what is in the header [RFC 6749 section 2.3.1]', () => {
    const id = 'our+client%41'
    const secret = 'a+b%2Fc%zz/and:more=='
    const configured = (client_id: string, client_secret: string) =>
      setUp({ clients: [{ client_id, client_secret, redirect_uris: [redirectUri] }] })
    const encoded = (text: string): string => encodeURIComponent(text).replaceAll('%20', '+')

    test.each([
      ['raw', id, secret],
      ['encoded', encoded(id), encoded(secret)],
      ['raw, with an encoded id', encoded(id), secret],
      ['encoded, with a raw id', id, encoded(secret)],
      ['in lower-case escapes', encoded(id), encoded(secret).replaceAll(/%../g, (each) => each.toLowerCase())],
    ])('%s', async (_, clientId, clientSecret) => {
      const own = configured(id, secret)
      const { exchange } = await obtainCode(own, { client_id: id })
      const header = { authorization: basic(clientId, clientSecret) }
      const answer = await answerOf(await own.call('/token', form(exchange, header)))
      expect(answer).toMatchObject({ status: 200 })
      const { client_id: _id, ...nameless } = (await obtainCode(own, { client_id: id })).exchange
      expect((await own.call('/token', form(nameless, header))).status).toBe(200)
    })

    test('nothing else passes for the secret', async () => {
      const own = configured(id, secret)
      const { exchange } = await obtainCode(own, { client_id: id })
      for (const wrong of [secret.replaceAll('+', ' '), encoded(encoded(secret)), secret.toLowerCase(), '', '%']) {
        const header = { authorization: basic(encoded(id), wrong) }
        const answer = await answerOf(await own.call('/token', form(exchange, header)))
        expect([wrong, answer.status, answer.error]).toEqual([wrong, 401, 'invalid_client'])
      }
    })

    test('a secret that can be read both ways is that of either', async () => {
      for (const [kept, sent] of [
        ['a secret with blanks', 'a+secret+with+blanks'],
        ['a+secret+with+blanks', 'a+secret+with+blanks'],
      ] as const) {
        const own = configured('ours', kept)
        const { exchange } = await obtainCode(own, { client_id: 'ours' })
        const header = { authorization: basic('ours', sent) }
        expect((await own.call('/token', form(exchange, header))).status).toBe(200)
      }
    })
  })

  test('a public client with an empty secret in the header is a public client [attack 51]', async () => {
    const { exchange, client } = await obtainCode(setup)
    const authorization = basic(client.client_id as string, '')
    const { client_id: _, ...nameless } = exchange
    const tokens = await post(form(nameless, { authorization }))
    expect(tokens.status).toBe(200)
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    expect(await post(form(refresh, { authorization }))).toMatchObject({ status: 200 })
    const confidential = await register(setup, { token_endpoint_auth_method: 'client_secret_basic' })
    const { exchange: other } = await obtainCode(setup, confidential)
    const empty = { authorization: basic(confidential.client_id as string, '') }
    expect(await post(form(other, empty))).toMatchObject({ status: 401, error: 'invalid_client' })
    const differing = { authorization: basic(client.client_id as string, '') }
    expect(await post(form(other, differing))).toMatchObject({ status: 401, error: 'invalid_client' })
  })

  test('a client_id in the body that is not that of the header [attack 49]', async () => {
    const client = await register(setup, { token_endpoint_auth_method: 'client_secret_basic' })
    const { exchange } = await obtainCode(setup, client)
    const authorization = basic(client.client_id as string, client.client_secret as string)
    const answer = await post(form({ ...exchange, client_id: 'client_other' }, { authorization }))
    expect(answer).toMatchObject({ status: 401, error: 'invalid_client' })
  })

  test('a client with a secret cannot leave it out, nor send it another way than it registered [attack 50]', async () => {
    const client = await register(setup, { token_endpoint_auth_method: 'client_secret_basic' })
    const { exchange } = await obtainCode(setup, client)
    expect(await post(form(exchange))).toMatchObject({ status: 401, error: 'invalid_client' })
    const posted = { ...exchange, client_secret: client.client_secret as string }
    expect(await post(form(posted))).toMatchObject({ status: 401, error: 'invalid_client' })
  })

  test.each(['basic', 'post'])('a client that named no method may use %s [attack 50]', async (method) => {
    const client = await register(setup, { token_endpoint_auth_method: undefined })
    const { exchange } = await obtainCode(setup, client)
    const authorization = basic(client.client_id as string, client.client_secret as string)
    const init =
      method === 'basic'
        ? form(exchange, { authorization })
        : form({ ...exchange, client_secret: client.client_secret as string })
    expect(await post(init)).toMatchObject({ status: 200 })
  })

  test('a public client that sends a secret is refused [attack 51]', async () => {
    const { exchange } = await obtainCode(setup)
    expect(await post(form({ ...exchange, client_secret: 'anything' }))).toMatchObject({ status: 401 })
  })

  test('an unknown client and a wrong secret look the same [attack 52, attack 53]', async () => {
    const client = await register(setup, { token_endpoint_auth_method: 'client_secret_post' })
    const { exchange } = await obtainCode(setup, client)
    const wrong = await setup.call('/token', form({ ...exchange, client_secret: 'wrong' }))
    const unknown = await setup.call('/token', form({ ...exchange, client_id: 'client_x', client_secret: 'wrong' }))
    expect([wrong.status, unknown.status]).toEqual([401, 401])
    expect(await wrong.json()).toEqual(await unknown.json())
    // Random, and of every answer its own
    for (const { headers } of [wrong, unknown]) headers.delete('x-request-id')
    expect([...wrong.headers]).toEqual([...unknown.headers])
  })
})

test('a body over 64 KB is 413, and too many parameters are 400 [attack 56]', async () => {
  expect(await post(form({ grant_type: 'x'.repeat(65 * 1024) }))).toMatchObject({ status: 413 })
  const many = new URLSearchParams(Array.from({ length: 10_000 }, (_, index) => [`p${index}`, '']))
  expect(many.toString().length).toBeGreaterThan(60_000)
  const some = new URLSearchParams(Array.from({ length: 101 }, (_, index) => [`p${index}`, '']))
  expect(await post(form(some))).toMatchObject({ status: 400, error: 'invalid_request' })
})

test('a stream without a length is cut at 64 KB [attack 56]', async () => {
  let sent = 0
  const body = new ReadableStream({
    pull(controller) {
      sent += 8192
      controller.enqueue(new Uint8Array(8192).fill(97))
      if (sent > 1_000_000) controller.close()
    },
  })
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const response = await setup.call('/token', { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
  expect(response.status).toBe(413)
  expect(sent).toBeLessThan(200_000)
})

test('grants that are unknown or not the client’s [attack 57]', async () => {
  const { client } = await obtainTokens(setup)
  const fields = { client_id: client.client_id as string }
  for (const grant_type of ['password', 'client_credentials', 'implicit', '__proto__', 'constructor']) {
    expect(await post(form({ ...fields, grant_type }))).toMatchObject({ status: 400, error: 'unsupported_grant_type' })
  }
  const codeOnly = await register(setup, { grant_types: ['authorization_code'] })
  const refresh = { client_id: codeOnly.client_id as string, grant_type: 'refresh_token', refresh_token: 'x' }
  expect(await post(form(refresh))).toMatchObject({ status: 400, error: 'unauthorized_client' })
})

test('a success is not cached and always has type, lifetime and scope [attack 58, A10]', async () => {
  const { exchange } = await obtainCode(setup, undefined, { scope: undefined })
  const answer = await post(form(exchange))
  expect(answer).toMatchObject({ status: 200, token_type: 'Bearer', expires_in: 3600, scope: 'mcp' })
  expect(answer.headers.get('content-type')).toBe('application/json')
})
