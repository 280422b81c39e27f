import { createLogger } from '@mcp-gateway/core/logging'
import { expect, test } from 'vitest'
import { authorizePath, form, issuer, obtainCode, pkce, register, resource, setUp } from '../../test/fixture.js'

test('no line of the log holds a code, a token, a secret, a verifier or a cookie [attack 160]', async () => {
  const lines: string[] = []
  const secret = 'a-secret-of-a-resource-server'
  const setup = setUp({
    logger: createLogger({ level: 'debug', write: (line) => lines.push(line) }),
    resourceServers: [{ client_id: 'rs', client_secret: secret, resources: [resource] }],
    checkUser: ({ username }) => username !== 'mallory',
  })
  const client = await register(setup, { token_endpoint_auth_method: 'client_secret_post' })
  const { code, verifier, exchange } = await obtainCode(setup, client)
  const authenticated = { ...exchange, client_secret: client.client_secret as string }
  const tokens = (await (await setup.call('/token', form(authenticated))).json()) as Record<string, string>
  await setup.call('/token', form({ ...authenticated, code_verifier: pkce().verifier }))
  await setup.call('/token', form(authenticated))
  const refresh = {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token as string,
    client_id: client.client_id as string,
    client_secret: client.client_secret as string,
  }
  await setup.call('/token', form(refresh))
  const next = await obtainCode(setup, client)
  const second = (await (
    await setup.call('/token', form({ ...next.exchange, client_secret: client.client_secret as string }))
  ).json()) as Record<string, string>
  const again = { ...refresh, refresh_token: second.refresh_token as string }
  const third = (await (await setup.call('/token', form(again))).json()) as Record<string, string>
  await setup.call('/token', form({ ...again, refresh_token: third.refresh_token as string }))
  await setup.call('/token', form(again))
  await setup.call('/introspect', form({ token: third.access_token as string, client_id: 'rs', client_secret: secret }))
  await setup.call('/register/x', { headers: { authorization: `Bearer ${client.registration_access_token}` } })
  const page = await setup.call(authorizePath(client.client_id as string, pkce().challenge, { prompt: 'login' }))
  const cookie = page.headers.getSetCookie()[0]?.split(/[=;]/)[1] ?? ''
  expect(lines.length).toBeGreaterThanOrEqual(2)
  const log = lines.join('\n')
  for (const value of [
    code,
    verifier,
    next.code,
    cookie,
    secret,
    client.client_secret,
    client.registration_access_token,
    ...[tokens, second, third].flatMap(({ access_token, refresh_token }) => [
      access_token?.split('.')[2],
      ...(refresh_token ?? '').split('.').slice(1),
    ]),
  ]) {
    expect(value?.length ?? 0).toBeGreaterThan(10)
    expect(log).not.toContain(value)
  }
  expect(log).not.toContain(`${issuer}/authorize?`)
  // Who asked is in the line of the request all the same, also where it is refused
  const requests = lines.map((line) => JSON.parse(line)).filter(({ message }) => message === 'request')
  for (const path of ['/register', '/token']) {
    const asked = requests.filter((line) => line.path === path)
    expect(asked.map(({ client_id }) => client_id)).toEqual(asked.map(() => client.client_id))
  }
})
