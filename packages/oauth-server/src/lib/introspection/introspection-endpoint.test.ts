import { describe, expect, test } from 'vitest'
import { type Answer, answerOf, form, issuer, obtainTokens, resource, setUp } from '../../../test/fixture.js'

const secret = 'a-secret-of-a-resource-server'
const options = {
  resourceServers: [
    { client_id: 'everything', client_secret: secret, resources: [resource] },
    { client_id: 'other', client_secret: secret, resources: [`${issuer}/other/mcp`] },
  ],
}

describe.each(['jwt', 'opaque'] as const)('introspection of %s tokens', (accessTokens) => {
  const setup = setUp({ ...options, accessTokens })
  const ask = async (token: string, caller = 'everything', password = secret): Promise<Answer> =>
    answerOf(
      await setup.call('/introspect', form({ token }, { authorization: `Basic ${btoa(`${caller}:${password}`)}` })),
    )

  test('tells the resource server of the token, and nobody else [attack 71]', async () => {
    const { client, tokens } = await obtainTokens(setup)
    const answer = await ask(tokens.access_token as string)
    expect(answer).toMatchObject({
      status: 200,
      active: true,
      scope: 'mcp',
      client_id: client.client_id,
      sub: 'dev|alice',
      username: 'alice',
      aud: resource,
      iss: issuer,
      token_type: 'Bearer',
      exp: expect.any(Number),
    })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    expect(JSON.stringify(answer)).not.toContain(tokens.access_token)
    const { headers: _, ...other } = await ask(tokens.access_token as string, 'other')
    expect(other).toEqual({ status: 200, active: false })
  })

  test('says inactive for what is unknown, a refresh token, expired or revoked [attack 71]', async () => {
    const { client, tokens } = await obtainTokens(setup)
    const inactive = async (token: string | undefined) => {
      const { headers: _, ...answer } = await ask(token ?? '')
      expect(answer).toEqual({ status: 200, active: false })
    }
    await inactive('unknown')
    await inactive(tokens.refresh_token)
    await setup.call('/revoke', form({ token: tokens.refresh_token as string, client_id: client.client_id as string }))
    await inactive(tokens.access_token)
    const next = await obtainTokens(setup)
    setup.clock.advance(3601)
    await inactive(next.tokens.access_token)
  })

  test('says inactive for an active token in another spelling [finding 25]', async () => {
    const { tokens } = await obtainTokens(setup)
    const token = tokens.access_token as string
    for (const spelled of [`${token}=`, `${token}==`, token.replace('.', '=.'), `${token}.`, ` ${token}`]) {
      const { headers: _, ...answer } = await ask(spelled)
      expect([spelled, answer]).toEqual([spelled, { status: 200, active: false }])
    }
  })

  test('answers only who authenticates [attack 71]', async () => {
    const { client, tokens } = await obtainTokens(setup)
    expect(await ask(tokens.access_token as string, 'everything', 'wrong')).toMatchObject({
      status: 401,
      error: 'invalid_client',
    })
    expect(await ask(tokens.access_token as string, client.client_id, '')).toMatchObject({ status: 401 })
    const bare = await setup.call('/introspect', form({ token: tokens.access_token as string }))
    expect(bare.status).toBe(401)
    expect(bare.headers.get('www-authenticate')).toMatch(/^Basic /)
  })

  test('takes an access token in the header for no authentication, beside that of the body [attack 71]', async () => {
    const { tokens } = await obtainTokens(setup)
    const fields = { token: tokens.access_token as string, client_id: 'everything' }
    const header = { authorization: `Bearer ${tokens.access_token}` }
    expect((await setup.call('/introspect', form(fields, header))).status).toBe(401)
    const answer = await answerOf(await setup.call('/introspect', form({ ...fields, client_secret: secret }, header)))
    expect(answer).toMatchObject({ status: 200, active: true })
  })
})

test('without resource servers there is no endpoint [attack 6]', async () => {
  const setup = setUp()
  expect((await setup.call('/introspect', form({ token: 'x' }))).status).toBe(404)
  expect(await answerOf(await setup.call('/.well-known/oauth-authorization-server'))).not.toHaveProperty(
    'introspection_endpoint',
  )
})
