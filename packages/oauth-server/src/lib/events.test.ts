import type { RequestRecord } from '@mcp-gateway/core'
import { createGateway } from '@mcp-gateway/core/gateway'
import { createLogger } from '@mcp-gateway/core/logging'
import { expect, test, vi } from 'vitest'
import {
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
import type { AuthorizationEvent, IdentityProvider } from '../index.js'

type Line = Record<string, unknown>

function watched(options: Parameters<typeof setUp>[0] = {}) {
  const lines: Line[] = []
  const events: AuthorizationEvent[] = []
  const records: RequestRecord[] = []
  const setup = setUp({
    logger: createLogger({ level: 'debug', write: (line) => void lines.push(JSON.parse(line)) }),
    onEvent: (event) => void events.push(event),
    observe: (record) => void records.push(record),
    ...options,
  })
  return { setup, lines, events, records, told: () => events.splice(0).map(({ type }) => type) }
}

test('every event has a name, in the log and for onEvent', async () => {
  const { setup, lines, events, told } = watched()
  const { client, tokens } = await obtainTokens(setup)
  const { client_id: clientId = '', registration_access_token: registrationToken = '' } = client
  expect(told()).toEqual(['client_registered', 'login', 'consent', 'token_issued'])
  const refresh = (token: string | undefined) =>
    setup.call('/token', form({ grant_type: 'refresh_token', refresh_token: token ?? '', client_id: clientId }))
  const successor = (await (await refresh(tokens.refresh_token)).json()) as Record<string, string>
  expect((await refresh(successor.refresh_token)).status).toBe(200)
  expect(told()).toEqual(['token_issued', 'token_issued'])
  expect((await refresh(tokens.refresh_token)).status).toBe(400)
  expect(told()).toEqual(['replay_found', 'token_refused'])

  const { code, exchange } = await obtainCode(setup, client)
  const again = (await (await setup.call('/token', form(exchange))).json()) as Record<string, string>
  expect(told()).toEqual(['login', 'consent', 'token_issued'])
  await setup.call('/revoke', form({ token: again.refresh_token ?? '', client_id: clientId }))
  expect(told()).toEqual(['token_revoked'])
  await setup.call('/token', form({ ...exchange, code: 'another' }))
  expect(events[0]).toMatchObject({
    type: 'token_refused',
    clientId,
    error: 'invalid_grant',
    grantType: 'authorization_code',
  })
  told()

  const denied = await login(setup, authorizePath(clientId, pkce().challenge), { decision: 'deny' })
  expect(denied.searchParams.get('error')).toBe('access_denied')
  expect(events).toEqual([
    {
      type: 'denial',
      issuer,
      clientId,
      resource,
      scopes: ['mcp'],
      error: 'access_denied',
      requestId: expect.any(String),
    },
  ])
  told()

  const manage = (method: string, token: string, body?: object) =>
    setup.call(`/register/${clientId}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
  const updated = await manage('PUT', registrationToken, { client_id: clientId, redirect_uris: [redirectUri] })
  const { registration_access_token: next } = (await updated.json()) as { registration_access_token: string }
  expect((await manage('DELETE', next)).status).toBe(204)
  expect(told()).toEqual(['client_updated', 'client_deleted'])
  await setup.server.revokeUser('dev|alice')
  expect(told()).toEqual(['token_revoked'])

  const named = lines.filter(({ event }) => event !== undefined)
  expect(new Set(named.map(({ event }) => event)).size).toBe(10)
  expect(named.find(({ event }) => event === 'login')).toMatchObject({
    level: 'info',
    service: 'oauth-server',
    request_id: expect.any(String),
    client_id: clientId,
    user_sub: expect.stringMatching(/^[\da-f]{16}$/),
    provider: 'dev',
    resource,
  })
  expect(named.find(({ event }) => event === 'replay_found')).toMatchObject({
    level: 'warn',
    grant_type: 'refresh_token',
  })
  const log = JSON.stringify(lines)
  for (const secret of [code, registrationToken, next, tokens.refresh_token?.split('.')[2], 'dev|alice']) {
    expect(log).not.toContain(secret)
  }
})

test('a login that fails is an event with the reason of the provider, whose words the client does not get', async () => {
  const provider: IdentityProvider = {
    name: 'directory',
    title: 'the directory',
    begin: async () => ({ form: [{ name: 'name', label: 'Name' }], submit: 'Sign in' }),
    complete: async ({ parameters }) =>
      parameters.get('name') === 'mallory'
        ? { refused: 'access_denied', reason: 'mallory left in May' }
        : { user: { id: 'ada' } },
  }
  const { setup, events } = watched({
    identityProvider: provider,
    checkUser: ({ subject }) => subject !== 'directory|ada',
  })
  const { client_id: clientId = '' } = await register(setup)
  const path = () => authorizePath(clientId, pkce().challenge)
  const refused = await login(setup, path(), { userName: 'mallory' })
  expect(refused.search).not.toContain('May')
  await login(setup, path(), { userName: 'ada' })
  expect(events.filter(({ type }) => type === 'login_failed')).toMatchObject([
    { provider: 'directory', clientId, error: 'access_denied', reason: 'mallory left in May' },
    { subject: 'directory|ada', reason: 'The account may not be used here' },
  ])
})

test('it logs by default, and writes access lines like the gateway', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const { call } = setUp({ logger: undefined })
  const response = await call('/token', form({ grant_type: 'password' }), { client: { address: '192.0.2.1' } })
  const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)) as Line)
  expect(lines.at(-1)).toMatchObject({
    level: 'info',
    message: 'request',
    service: 'oauth-server',
    request_id: response.headers.get('x-request-id'),
    http_method: 'POST',
    path: '/token',
    status: 400,
    decision: 'deny',
    error_code: 'unsupported_grant_type',
    reason: expect.stringContaining('grant_type must be one of'),
    refused_by: 'oauth-server',
    client_address: '192.0.2.1',
    latency_ms: expect.any(Number),
  })
})

test('what breaks is a line at error, and foreign hosts are refused with one', async () => {
  const { setup, lines, records } = watched({
    signingKeys: {
      algorithm: 'ES256',
      sign: async () => 'none',
      rotate: async () => {},
      jwks: async () => {
        throw new Error('the keys are away')
      },
    },
  })
  expect((await setup.call('/jwks')).status).toBe(500)
  expect(lines.at(-1)).toMatchObject({
    level: 'error',
    status: 500,
    error_code: 'server_error',
    reason: 'the keys are away',
  })
  await setup.call('http://evil.example/jwks')
  expect(lines.at(-1)).toMatchObject({ status: 403, refusal: 'foreign_host', error_code: 'access_denied' })
  expect(records).toMatchObject([
    { status: 500, decision: 'error' },
    { status: 403, decision: 'deny' },
  ])
})

test('behind a gateway the gateway writes the line, and events have its request id', async () => {
  const { setup, lines, records } = watched()
  const gateway = createGateway({
    url: issuer,
    auth: setup.server,
    servers: { '/everything/mcp': () => new Response() },
    logger: createLogger({ write: (line) => void lines.push(JSON.parse(line)) }),
  })
  const response = await gateway.fetch(new Request(`${issuer}/token`, form({ grant_type: 'refresh_token' })))
  const id = response.headers.get('x-request-id')
  expect(lines).toMatchObject([
    { service: 'oauth-server', event: 'token_refused', request_id: id },
    {
      service: 'gateway',
      message: 'request',
      request_id: id,
      error_code: 'invalid_client',
      refused_by: 'oauth-server',
    },
  ])
  expect(records).toEqual([])
})

test('an observer of events that throws harms nobody', async () => {
  const { setup, lines } = watched({
    onEvent: () => {
      throw new Error('no')
    },
  })
  await register(setup)
  expect(lines).toContainEqual(expect.objectContaining({ level: 'error', message: 'onEvent failed' }))
})
