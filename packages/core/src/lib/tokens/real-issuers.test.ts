import { decodeJwt, decodeProtectedHeader } from 'jose'
import {
  allowInsecureRequests,
  ClientSecretBasic,
  clientCredentialsGrantRequest,
  customFetch,
  DPoP,
  generateKeyPair,
  isDPoPNonceError,
  processClientCredentialsResponse,
  protectedResourceRequest,
} from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { client, type OidcIssuer, server, startOidcIssuer } from '../../../test/oidc-issuer.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { dpop } from '../resource-server/dpop.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { anyVerifier } from './any-verifier.js'
import { createTokenVerifier } from './create-token-verifier.js'
import { createIntrospectionVerifier } from './introspection/create-introspection-verifier.js'
import { issuerAuthority } from './issuer-authority.js'
import { entra } from './presets/entra.js'
import { keycloak } from './presets/keycloak.js'

const resource = 'https://mcp.example.com/notes/mcp'
const tenantId = '11111111-2222-3333-4444-555555555555'
const apiId = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'

describe('oidc-provider, with JWTs', () => {
  let real: OidcIssuer
  beforeAll(async () => {
    real = await startOidcIssuer({ format: 'jwt' })
  })
  afterAll(() => real.close())

  test('its RFC 9068 tokens pass, found by discovery, and the keys are fetched once', async () => {
    const verifier = createTokenVerifier({ issuer: real.issuer, audience: resource })
    const token = await real.token(resource, 'notes:read notes:write')
    expect(decodeProtectedHeader(token).typ).toBe('at+jwt')
    const auth = await verifier.verifyAccessToken(token)
    expect(auth).toMatchObject({ clientId: 'app', scopes: ['notes:read', 'notes:write'], extra: { subject: 'app' } })
    await verifier.verifyAccessToken(await real.token(resource))
    expect(real.requests.filter((path) => path.endsWith('/jwks'))).toHaveLength(1)
  })

  test('[attack 125, attack 127, R3] its tokens for others do not, nor do its refresh tokens', async () => {
    const verifier = createTokenVerifier({ issuer: real.issuer, audience: resource })
    for (const token of [await real.token('https://mcp.example.com/files/mcp'), await real.refreshToken(resource)]) {
      await expect(verifier.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    }
  })

  test('[attack 138] its DPoP tokens pass with the proofs of a real client, once each', async () => {
    const metadata = { issuer: real.issuer, token_endpoint: `${real.issuer}/token` }
    const handle = DPoP({}, await generateKeyPair('ES256'))
    const parameters = { resource, scope: 'notes:read' }
    const options = { DPoP: handle, [allowInsecureRequests]: true }
    const authentication = ClientSecretBasic(client.secret)
    const ask = () =>
      clientCredentialsGrantRequest(metadata, { client_id: client.id }, authentication, parameters, options).then(
        (response) => processClientCredentialsResponse(metadata, { client_id: client.id }, response),
      )
    const { access_token: token } = await ask().catch((error) => {
      if (isDPoPNonceError(error)) return ask()
      throw error
    })
    expect(decodeJwt(token).cnf).toMatchObject({ jkt: expect.any(String) })

    const verifier = createTokenVerifier({ issuer: real.issuer, audience: resource })
    const guard = bearerAuth({ verifier, resource, dpop: dpop({ storage: memoryStorage() }) })
    const send = async (headers: HeadersInit) =>
      (await guard(new Request(resource, { method: 'POST', headers }), {}, () => new Response())).status
    /** The headers that the client would send. */
    const prepare = async () => {
      let headers = new Headers()
      const prepared = (_: string, init: { headers: Record<string, string> }) => {
        headers = new Headers(init.headers)
        return Promise.resolve(new Response())
      }
      await protectedResourceRequest(token, 'POST', new URL(resource), undefined, null, {
        DPoP: handle,
        [customFetch]: prepared,
      })
      return headers
    }
    const first = await prepare()
    expect(first.get('Authorization')).toBe(`DPoP ${token}`)
    expect(await send(first)).toBe(200)
    expect(await send(first)).toBe(401)
    expect(await send(await prepare())).toBe(200)
    const downgraded = await prepare()
    downgraded.set('Authorization', `Bearer ${token}`)
    expect(await send(downgraded)).toBe(401)
    await expect(verifier.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
  })
})

test('JWTs of one issuer and opaque tokens of another work at one endpoint', async () => {
  const [jwt, opaque] = [await startOidcIssuer({ format: 'jwt' }), await startOidcIssuer({ format: 'opaque' })]
  try {
    const verifier = anyVerifier([
      createTokenVerifier({ issuer: jwt.issuer, audience: resource }),
      createIntrospectionVerifier({
        issuer: opaque.issuer,
        audience: resource,
        clientId: server.id,
        clientSecret: server.secret,
      }),
    ])
    const introspections = () => opaque.requests.filter((path) => path.includes('introspection')).length
    expect((await verifier.verifyAccessToken(await jwt.token(resource))).extra).toMatchObject({ issuer: jwt.issuer })
    expect(introspections()).toBe(0)
    expect((await verifier.verifyAccessToken(await opaque.token(resource))).extra).toMatchObject({
      issuer: opaque.issuer,
    })
    expect(jwt.requests.filter((path) => path.endsWith('/jwks'))).toHaveLength(1)
  } finally {
    await Promise.all([jwt.close(), opaque.close()])
  }
})

test('an issuer that is shaped like Keycloak: its tokens pass with the preset, and not without', async () => {
  const real = await startOidcIssuer({
    format: 'jwt',
    path: '/realms/main',
    aliases: { '/protocol/openid-connect/certs': '/jwks' },
    customize: ({ header, payload }) => {
      header.typ = 'JWT'
      const { client_id: azp } = payload
      delete payload.client_id
      Object.assign(payload, {
        azp,
        typ: 'Bearer',
        realm_access: { roles: ['editor'] },
        resource_access: { notes: { roles: ['owner'] } },
      })
    },
  })
  try {
    const token = await real.token(resource)
    const verifier = issuerAuthority(keycloak({ issuer: real.issuer })).protect(resource)
    expect(await verifier.verifyAccessToken(token)).toMatchObject({
      clientId: 'app',
      extra: { issuer: real.issuer, roles: ['editor', 'notes:owner'] },
    })
    expect(real.requests).toContain('/realms/main/protocol/openid-connect/certs')
    const strict = createTokenVerifier({ issuer: real.issuer, audience: resource })
    await expect(strict.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
  } finally {
    await real.close()
  }
})

test('an issuer that is shaped like Entra: its tokens pass with the preset, for its registration', async () => {
  const real = await startOidcIssuer({
    format: 'jwt',
    customize: ({ header, payload }) => {
      header.typ = 'JWT'
      const { client_id: azp, scope: scp } = payload
      for (const name of ['client_id', 'scope', 'jti']) delete payload[name]
      const iss = `https://login.microsoftonline.com/${tenantId}/v2.0`
      Object.assign(payload, { iss, aud: apiId, ver: '2.0', tid: tenantId, oid: 'object', azp, scp, wids: ['admin'] })
    },
  })
  try {
    const authority = issuerAuthority(entra({ tenantId, clientId: apiId, jwksUri: `${real.issuer}/jwks` }))
    const auth = await authority.protect(resource).verifyAccessToken(await real.token(resource))
    expect(auth).toMatchObject({ clientId: 'app', extra: { subject: 'object', roles: ['wids:admin'] } })
    expect(auth.scopes).toEqual(['notes:read', `api://${apiId}/notes:read`])
  } finally {
    await real.close()
  }
})
