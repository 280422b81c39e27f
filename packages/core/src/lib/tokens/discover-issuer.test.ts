import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { audience, keySet, sign, testKey } from '../../../test/issuer.js'
import { createOAuthClient } from '../oauth-client/create-oauth-client.js'
import { createOutboundFetch } from '../outbound/create-outbound-fetch.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { clientCredentials } from '../upstream-token/client-credentials.js'
import { createVault } from '../vault/create-vault.js'
import { createTokenVerifier } from './create-token-verifier.js'
import { createIntrospectionVerifier } from './introspection/create-introspection-verifier.js'

const key = await testKey('ES256', 'one')
const redirectUri = 'https://mcp.example.com/callback'

let origin: string
let server: ReturnType<typeof createServer>
/** What the issuer's host answers at each path; 404 where nothing is said. */
let answers: Record<string, (response: ServerResponse) => void>
let asked: string[]

beforeEach(async () => {
  answers = {}
  asked = []
  server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? ''
    asked.push(path)
    const answer = answers[path]
    if (answer) answer(response)
    else response.writeHead(404).end('<html>')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  answers['/jwks'] = json(keySet(key))
  answers['/token'] = json({ access_token: 'upstream', token_type: 'bearer', expires_in: 60 })
  answers['/introspect'] = (response) =>
    json({ active: true, client_id: 'app', aud: audience, exp: Date.now() / 1000 + 60, sub: 'a' })(response)
})

afterEach(() => server.close().closeAllConnections())

function json(body: unknown, type = 'application/json') {
  return (response: ServerResponse) => void response.writeHead(200, { 'Content-Type': type }).end(JSON.stringify(body))
}

const metadata = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${origin}/authorize`,
  token_endpoint: `${origin}/token`,
  introspection_endpoint: `${origin}/introspect`,
  jwks_uri: `${origin}/jwks`,
})

/** Everything that reads the metadata of an issuer. */
const readers: Record<string, (issuer: string) => Promise<unknown>> = {
  'a login': async (issuer) => {
    const client = createOAuthClient({ issuer, clientId: 'gateway', scope: 'openid' })
    expect((await client.begin({ redirectUri, state: 'a' })).url).toContain(`${origin}/authorize`)
  },
  'the verifier of JWTs': async (issuer) => {
    const verifier = createTokenVerifier({ issuer, audience })
    await verifier.verifyAccessToken(await sign(key, { iss: issuer }))
  },
  'the verifier of opaque tokens': async (issuer) => {
    const verifier = createIntrospectionVerifier({ issuer, audience, clientId: 'rs', clientSecret: 'secret' })
    await verifier.verifyAccessToken('opaque').catch((error) => {
      // What the issuer said of the token is not the matter here
      if (!asked.includes('/introspect')) throw error
    })
  },
  'a token for an upstream': async (issuer) => {
    const token = clientCredentials({ issuer, clientId: 'gateway', clientSecret: 'secret' })
    expect(await token.get({})).toBe('upstream')
    expect(asked).toContain('/token')
  },
  'the vault': async (issuer) => {
    const vault = createVault({
      url: 'http://127.0.0.1:8787/connect',
      storage: memoryStorage(),
      signIn: { issuer, clientId: 'vault' },
      upstreams: { wiki: { issuer: 'https://wiki.example.com', clientId: 'gateway', scope: 'read' } },
    })
    const response = await vault.fetch(new Request('http://127.0.0.1:8787/connect', { redirect: 'manual' }))
    expect(response.headers.get('location')).toContain(`${origin}/authorize`)
  },
}

const wrongAnswers: Record<string, (response: ServerResponse) => void> = {
  'is 400': (response) => void response.writeHead(400).end('{}'),
  'is 401 with a challenge': (response) => void response.writeHead(401, { 'WWW-Authenticate': 'Basic' }).end(),
  'is 403': (response) => void response.writeHead(403).end(),
  'is 404': (response) => void response.writeHead(404).end(),
  'is 405': (response) => void response.writeHead(405).end(),
  'is 410': (response) => void response.writeHead(410).end(),
  'is 429': (response) => void response.writeHead(429).end(),
  'is 500': (response) => void response.writeHead(500).end('oops'),
  'is 501': (response) => void response.writeHead(501).end(),
  'is a page with 200': (response) =>
    void response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>App</title>'),
  'is a page that calls itself JSON': (response) =>
    void response.writeHead(200, { 'Content-Type': 'application/json' }).end('<!doctype html>'),
  'is empty': (response) => void response.writeHead(200).end(),
  'is 204': (response) => void response.writeHead(204).end(),
  'leads to another origin': (response) =>
    void response.writeHead(302, { Location: 'https://login.invalid/sign-in' }).end(),
  'leads to a page of its own': (response) => void response.writeHead(302, { Location: '/sign-in' }).end(),
  'leads to itself': (response) => void response.writeHead(302, { Location: '' }).end(),
  'leads to an app': (response) => void response.writeHead(302, { Location: 'app://x' }).end(),
  'is a redirect to nowhere': (response) => void response.writeHead(302).end(),
  'is too large': (response) => void response.writeHead(200).end('x'.repeat(300_000)),
  'has no issuer': json({ jwks_uri: 'https://evil.example.com/jwks' }),
  'has an issuer that is no text': json({ issuer: 1 }),
  'is an error with 200': json({ error: 'not_found' }),
  'is a list': json([]),
  'is null': json(null),
  'is a text': json('x'),
  'is the document of another issuer': json({
    issuer: 'https://evil.example.com',
    jwks_uri: 'https://evil.example.com/jwks',
    authorization_endpoint: 'https://evil.example.com',
  }),
}

describe.each(Object.entries(readers))('%s', (_, read) => {
  test.each(Object.entries(wrongAnswers))('finds the metadata where the other place %s', async (_wrong, answer) => {
    answers['/sign-in'] = wrongAnswers['is a page with 200'] as (response: ServerResponse) => void
    const places = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']
    for (const good of places) {
      for (const place of places) answers[place] = place === good ? json(metadata(origin)) : answer
      await read(origin)
    }
  })

  test('finds it at each of three places of an issuer with a path, and at no root', async () => {
    const issuer = `${origin}/realms/acme`
    const places = [
      '/.well-known/oauth-authorization-server/realms/acme',
      '/realms/acme/.well-known/openid-configuration',
      '/.well-known/openid-configuration/realms/acme',
    ]
    for (const good of places) {
      const page = wrongAnswers['is a page with 200'] as (response: ServerResponse) => void
      for (const place of places) answers[place] = place === good ? json(metadata(issuer)) : page
      await read(issuer)
    }
    expect(asked).not.toContain('/.well-known/openid-configuration')
  })
})

test('a document that is not called JSON is read', async () => {
  answers['/.well-known/openid-configuration'] = (response) => json(metadata(origin), 'text/plain')(response)
  await readers['a login']?.(origin)
  await readers['the verifier of JWTs']?.(origin)
})

test('the failure says of each place what was wrong there', async () => {
  answers['/.well-known/openid-configuration'] = wrongAnswers['is a page with 200'] as never
  answers['/.well-known/oauth-authorization-server'] = json({ issuer: 'https://evil.example.com' })
  const client = createOAuthClient({ issuer: origin, clientId: 'gateway', scope: 'openid' })
  const failure = await client.begin({ redirectUri, state: 'a' }).catch((error) => error)
  expect(failure).toMatchObject({ error: 'invalid_response' })
  expect(failure.message).toMatch(/openid-configuration answers 200 without a JSON object/)
  expect(failure.message).toMatch(/oauth-authorization-server is of another issuer/)
})

test('an issuer that is away, or fails at one place and has nothing at the other, is an outage', async () => {
  answers['/.well-known/openid-configuration'] = wrongAnswers['is 500'] as never
  const client = createOAuthClient({ issuer: origin, clientId: 'gateway', scope: 'openid' })
  await expect(client.begin({ redirectUri, state: 'a' })).rejects.toMatchObject({ error: 'temporarily_unavailable' })
  const away = createOAuthClient({
    issuer: origin,
    clientId: 'gateway',
    scope: 'openid',
    fetch: createOutboundFetch({
      destinations: 'configured',
      transport: async (url) => {
        asked.push(String(url))
        throw new TypeError('fetch failed')
      },
    }),
  })
  asked = []
  await expect(away.begin({ redirectUri, state: 'a' })).rejects.toMatchObject({ error: 'temporarily_unavailable' })
  expect(asked).toHaveLength(1)
})
