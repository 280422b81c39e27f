import type { AddressInfo } from 'node:net'
import { InvalidTokenError, ServerError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth as requireBearerAuth1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { OAuthError, OAuthErrorCode, requireBearerAuth as requireBearerAuth2 } from '@modelcontextprotocol/server'
import express from 'express'
import { describe, expect, test } from 'vitest'
import { audience, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import type { AuthInfo, TokenVerifier } from '../contract/auth-info.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { createTokenVerifier } from './create-token-verifier.js'
import { toSdkVerifier } from './to-sdk-verifier.js'

const key = await testKey()
const verifier = createTokenVerifier({ issuer, audience, jwks: keySet(key) })
const down = createTokenVerifier({ issuer, audience, fetch: () => Promise.reject(new TypeError('down')) })
const options = { requiredScopes: ['notes:read'], resourceMetadataUrl: 'https://mcp.example.com/metadata' }

interface Gate {
  status: number
  challenge: string | null
  auth?: AuthInfo
}

/** The SDK's own gate, version 1 in Express and version 2 on web requests, in front of our verifier. */
const gates: Record<string, (verify: TokenVerifier, token: string) => Promise<Gate>> = {
  'SDK v1': async (verify, token) => {
    const app = express()
    const adapted = toSdkVerifier(verify, (message) => new InvalidTokenError(message))
    app.use(requireBearerAuth1({ verifier: adapted, expectedResource: new URL(audience), ...options }))
    app.use((request, response) => void response.json(request.auth))
    const server = app.listen(0, '127.0.0.1')
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
        headers: { Authorization: `Bearer ${token}` },
      })
      const auth = (await response.json()) as AuthInfo
      return { status: response.status, challenge: response.headers.get('WWW-Authenticate'), auth }
    } finally {
      server.closeAllConnections()
      server.close()
    }
  },
  'SDK v2': async (verify, token) => {
    const adapted = toSdkVerifier(verify, (message) => new OAuthError(OAuthErrorCode.InvalidToken, message))
    const gate = requireBearerAuth2({ verifier: adapted, expectedResource: new URL(audience), ...options })
    const result = await gate(new Request(audience, { headers: { Authorization: `Bearer ${token}` } }))
    if (result instanceof Response) return { status: result.status, challenge: result.headers.get('WWW-Authenticate') }
    return { status: 200, challenge: null, auth: JSON.parse(JSON.stringify(result)) }
  },
}

describe.each(Object.entries(gates))('our verifier in the requireBearerAuth of %s', (_, gate) => {
  test('lets a good token through, the second time as well', async () => {
    const token = await sign(key)
    for (let round = 0; round < 2; round++) {
      const { status, auth } = await gate(verifier, token)
      expect(status).toBe(200)
      expect(auth).toMatchObject({ token, clientId: 'app', scopes: ['notes:read'], resource: audience })
    }
  })

  test.each([
    ['another audience', { aud: 'https://mcp.example.com/files/mcp' }],
    ['its expiry past', { exp: 1 }],
    ['a key that it is bound to', { cnf: { jkt: 'x' } }],
  ])('answers 401 to a token with %s', async (__, change) => {
    const { status, challenge } = await gate(verifier, await sign(key, change))
    expect(status).toBe(401)
    expect(challenge).toMatch(/^Bearer error="invalid_token".*resource_metadata="https:\/\/mcp.example.com\/metadata"/)
  })

  test('answers 403 to a missing scope, and 500 while the issuer is down', async () => {
    expect((await gate(verifier, await sign(key, { scope: '' }))).status).toBe(403)
    expect((await gate(down, await sign(key))).status).toBe(500)
  })
})

describe('a verifier that was written for the SDK, in our bearerAuth', () => {
  const ask = async (verifyAccessToken: (token: string) => Promise<AuthInfo>) => {
    const request = new Request(audience, { headers: { Authorization: 'Bearer x' } })
    const guard = bearerAuth({ verifier: { verifyAccessToken }, resource: audience, requiredScopes: ['notes:read'] })
    return (await guard(request, {}, () => new Response())).status
  }
  const good = { token: 'x', clientId: 'app', scopes: ['notes:read'], expiresAt: 9_999_999_999 }

  test('works', async () => {
    expect(await ask(async () => good)).toBe(200)
    expect(await ask(async () => ({ ...good, scopes: [] }))).toBe(403)
    expect(await ask(async () => ({ ...good, expiresAt: undefined }))).toBe(401)
  })

  test.each([
    ['v1 InvalidTokenError', new InvalidTokenError('no'), 401],
    ['v2 OAuthError', new OAuthError(OAuthErrorCode.InvalidToken, 'no'), 401],
    ['v2 insufficient scope', new OAuthError(OAuthErrorCode.InsufficientScope, 'no'), 403],
    ['v1 ServerError', new ServerError('no'), 503],
    ['v2 server error', new OAuthError(OAuthErrorCode.ServerError, 'no'), 503],
  ])('may throw %s', async (_, error, status) => {
    expect(await ask(() => Promise.reject(error))).toBe(status)
  })
})
