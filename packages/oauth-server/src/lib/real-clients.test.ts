import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Listening, listen } from '../../test/listen.js'
import { followLogin } from './testing/follow-login.js'

// Clients that others wrote, over HTTP.

const secret = 'a-secret-of-a-resource-server'
let at: Listening
beforeAll(async () => {
  at = await listen()
})
afterAll(() => at.close())

const insecure = { [oauth.allowInsecureRequests]: true }

describe('oauth4webapi', () => {
  test('discovers, registers, logs in, refreshes and revokes; its strict validator takes the token', async () => {
    const url = new URL(at.issuer)
    const discovery = await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure })
    const server = await oauth.processDiscoveryResponse(url, discovery)
    const registration = await oauth.dynamicClientRegistrationRequest(
      server,
      {
        redirect_uris: [at.redirectUri],
        client_name: 'oauth4webapi',
        token_endpoint_auth_method: 'client_secret_basic',
      },
      insecure,
    )
    const client = await oauth.processDynamicClientRegistrationResponse(registration)
    const auth = oauth.ClientSecretBasic(client.client_secret as string)
    const verifier = oauth.generateRandomCodeVerifier()
    const authorization = new URL(server.authorization_endpoint as string)
    authorization.search = String(
      new URLSearchParams({
        response_type: 'code',
        client_id: client.client_id,
        redirect_uri: at.redirectUri,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        scope: 'mcp',
        state: 'x',
        resource: at.resource,
      }),
    )
    const callback = await followLogin(authorization, at.redirectUri)
    const answer = oauth.validateAuthResponse(server, client, callback, 'x')
    const exchange = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      auth,
      answer,
      at.redirectUri,
      verifier,
      insecure,
    )
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, exchange)
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 3600, scope: 'mcp' })

    const request = new Request(at.resource, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    expect(await oauth.validateJwtAccessToken(server, request, at.resource, insecure)).toMatchObject({
      sub: 'dev|alice',
    })

    const refresh = await oauth.refreshTokenGrantRequest(server, client, auth, tokens.refresh_token as string, insecure)
    const next = await oauth.processRefreshTokenResponse(server, client, refresh)
    const revocation = await oauth.revocationRequest(server, client, auth, next.refresh_token as string, insecure)
    await oauth.processRevocationResponse(revocation)
    const over = await oauth.refreshTokenGrantRequest(server, client, auth, next.refresh_token as string, insecure)
    await expect(oauth.processRefreshTokenResponse(server, client, over)).rejects.toMatchObject({
      error: 'invalid_grant',
    })
  })
})

describe('openid-client', () => {
  test.each([
    ['none', () => openid.None()],
    ['client_secret_post', undefined],
  ] as const)('registers as a client of %s and logs in', async (method, auth) => {
    const config = await openid.dynamicClientRegistration(
      new URL(at.issuer),
      { redirect_uris: [at.redirectUri], token_endpoint_auth_method: method, client_name: 'openid-client' },
      auth?.(),
      { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] },
    )
    const pkceCodeVerifier = openid.randomPKCECodeVerifier()
    const url = openid.buildAuthorizationUrl(config, {
      redirect_uri: at.redirectUri,
      scope: 'mcp offline_access',
      code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      resource: at.resource,
      state: 'y',
    })
    const callback = await followLogin(url, at.redirectUri)
    const tokens = await openid.authorizationCodeGrant(config, callback, { pkceCodeVerifier, expectedState: 'y' })
    expect(tokens.scope).toBe('mcp offline_access')
    const next = await openid.refreshTokenGrant(config, tokens.refresh_token as string)
    expect(next.refresh_token).not.toBe(tokens.refresh_token)
  })

  test('introspects as a resource server', async () => {
    const guarded = await listen({
      resourceServers: [{ client_id: 'rs', client_secret: secret, resources: [] }],
      accessTokens: 'opaque',
    })
    try {
      const config = await openid.discovery(new URL(guarded.issuer), 'rs', secret, undefined, {
        algorithm: 'oauth2',
        execute: [openid.allowInsecureRequests],
      })
      expect(await openid.tokenIntrospection(config, 'unknown')).toEqual({ active: false })
    } finally {
      await guarded.close()
    }
  })
})
