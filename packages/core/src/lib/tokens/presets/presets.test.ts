import { describe, expect, test, vi } from 'vitest'
import { keySet, sign, testKey } from '../../../../test/issuer.js'
import { createTokenVerifier } from '../create-token-verifier.js'
import { type IssuerAuthorityOptions, issuerAuthority } from '../issuer-authority.js'
import { auth0 } from './auth0.js'
import { cognito } from './cognito.js'
import { entra } from './entra.js'
import { google } from './google.js'
import { keycloak } from './keycloak.js'
import { okta } from './okta.js'

const key = await testKey('RS256')
const resource = 'https://mcp.example.com/notes/mcp'
const tenantId = '11111111-2222-3333-4444-555555555555'
const apiId = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'
const clientId = '99999999-8888-7777-6666-555555555555'

interface Provider {
  readonly options: IssuerAuthorityOptions
  /** An access token as the provider documents it; `undefined` removes a member of the test kit's. */
  readonly claims: Record<string, unknown>
  readonly header: Record<string, unknown>
  readonly expected: Record<string, unknown>
  /** What it issues or lets others issue that is no access token for us. */
  readonly nearMisses: Readonly<Record<string, { claims?: Record<string, unknown>; header?: Record<string, unknown> }>>
}

const plain = { typ: 'JWT' }
const untyped = { typ: undefined }
const no = { client_id: undefined, scope: undefined }

const providers: Record<string, Provider> = {
  keycloak: {
    options: keycloak({ issuer: 'https://kc.example.com/realms/main' }),
    claims: {
      ...no,
      iss: 'https://kc.example.com/realms/main',
      aud: [resource, 'account'],
      typ: 'Bearer',
      azp: 'app',
      sid: 's',
      scope: 'notes:read email',
      realm_access: { roles: ['offline_access', 'editor'] },
      resource_access: { account: { roles: ['manage-account'] }, notes: { roles: ['admin'] } },
      groups: ['/staff'],
    },
    header: plain,
    expected: {
      clientId: 'app',
      scopes: ['notes:read', 'email'],
      extra: {
        subject: 'alice',
        roles: ['offline_access', 'editor', 'account:manage-account', 'notes:admin'],
        groups: ['/staff'],
      },
    },
    nearMisses: {
      'an ID token': { claims: { typ: 'ID', nonce: 'n', at_hash: 'h' } },
      'a refresh token': { claims: { typ: 'Refresh' } },
      'an offline token': { claims: { typ: 'Offline' } },
      'a logout token': { claims: { typ: 'Logout' }, header: { typ: 'logout+jwt' } },
      'a token without its kind': { claims: { typ: undefined } },
      'a token without a client': { claims: { azp: undefined } },
      'a token without an audience mapper': { claims: { aud: 'account' } },
      'a token of another realm': { claims: { iss: 'https://kc.example.com/realms/other' } },
      'a token of the realm with a slash': { claims: { iss: 'https://kc.example.com/realms/main/' } },
    },
  },
  entra: {
    options: entra({ tenantId, clientId: apiId }),
    claims: {
      ...no,
      iss: `https://login.microsoftonline.com/${tenantId}/v2.0`,
      aud: apiId,
      ver: '2.0',
      tid: tenantId,
      azp: clientId,
      azpacr: '0',
      oid: 'object-of-alice',
      sub: 'pairwise',
      scp: 'notes.read notes.write',
      roles: ['Editor'],
      wids: ['b79fbf4d-3ef9-4689-8143-76b194e85509'],
      groups: ['group-id'],
      jti: undefined,
      uti: 'u',
    },
    header: { ...plain, x5t: 'thumb' },
    expected: {
      clientId,
      scopes: ['notes.read', `api://${apiId}/notes.read`, 'notes.write', `api://${apiId}/notes.write`],
      extra: {
        subject: 'object-of-alice',
        roles: ['Editor', 'wids:b79fbf4d-3ef9-4689-8143-76b194e85509'],
        groups: ['group-id'],
      },
    },
    nearMisses: {
      'an ID token of the same registration': {
        claims: { azp: undefined, azpacr: undefined, scp: undefined, roles: undefined },
      },
      'an ID token with app roles': { claims: { azp: undefined, scp: undefined, nonce: 'n' } },
      'an ID token with roles and no nonce': { claims: { azp: undefined, scp: undefined } },
      'a token for Microsoft Graph': { claims: { aud: '00000003-0000-0000-c000-000000000000' } },
      'a token of another tenant': { claims: { tid: apiId } },
      'a token whose issuer is another tenant': { claims: { iss: `https://login.microsoftonline.com/${apiId}/v2.0` } },
      'the issuer template of the common endpoint': {
        claims: { iss: 'https://login.microsoftonline.com/{tenantid}/v2.0' },
      },
      'a version 1 token': {
        claims: { ver: '1.0', iss: `https://sts.windows.net/${tenantId}/`, azp: undefined, appid: clientId },
      },
      'a version 1 token under the issuer of version 2': { claims: { ver: '1.0' } },
      'a token without a user or app': { claims: { oid: undefined } },
    },
  },
  'entra, version 1': {
    options: entra({ tenantId, clientId: apiId, tokenVersion: 1 }),
    claims: {
      ...no,
      iss: `https://sts.windows.net/${tenantId}/`,
      aud: `api://${apiId}`,
      ver: '1.0',
      tid: tenantId,
      appid: clientId,
      oid: 'object-of-app',
      idtyp: 'app',
      roles: ['Notes.Read.All'],
      jti: undefined,
    },
    header: plain,
    expected: { clientId, scopes: [], extra: { subject: 'object-of-app', roles: ['Notes.Read.All'] } },
    nearMisses: {
      'a version 2 token': { claims: { ver: '2.0', iss: `https://login.microsoftonline.com/${tenantId}/v2.0` } },
      'a token without a client': { claims: { appid: undefined } },
    },
  },
  auth0: {
    options: auth0({ domain: 'example.eu.auth0.com', rolesClaim: 'https://example.com/roles' }),
    claims: {
      ...no,
      iss: 'https://example.eu.auth0.com/',
      aud: [resource, 'https://example.eu.auth0.com/userinfo'],
      azp: 'app',
      scope: 'openid notes:read',
      permissions: ['notes:read', 'notes:delete'],
      jti: undefined,
      'https://example.com/roles': ['editor'],
    },
    header: plain,
    expected: { clientId: 'app', scopes: ['openid', 'notes:read'], extra: { roles: ['editor'] } },
    nearMisses: {
      'an ID token': { claims: { aud: 'app', nonce: 'n' } },
      'an ID token for an audience like ours': { claims: { nonce: 'n' } },
      'an ID token of a code flow': { claims: { at_hash: 'h' } },
      'a token for user info alone': { claims: { aud: 'https://example.eu.auth0.com/userinfo' } },
      'a token of another tenant': { claims: { iss: 'https://other.eu.auth0.com/' } },
      'an issuer without its slash': { claims: { iss: 'https://example.eu.auth0.com' } },
      'a token without a client': { claims: { azp: undefined } },
    },
  },
  'auth0, RFC 9068 profile': {
    options: auth0({ domain: 'example.eu.auth0.com' }),
    claims: { iss: 'https://example.eu.auth0.com/', aud: resource, azp: undefined },
    header: {},
    expected: { clientId: 'app', scopes: ['notes:read'] },
    nearMisses: { 'a logout token': { header: { typ: 'logout+jwt' } } },
  },
  okta: {
    options: okta({ issuer: 'https://example.okta.com/oauth2/default' }),
    claims: {
      ...no,
      iss: 'https://example.okta.com/oauth2/default',
      aud: resource,
      ver: 1,
      jti: 'AT.MNAoEQ',
      cid: 'app',
      uid: '00u1',
      sub: 'alice@example.com',
      scp: ['notes:read', 'openid'],
      groups: ['Everyone'],
    },
    header: untyped,
    expected: { clientId: 'app', scopes: ['notes:read', 'openid'], extra: { subject: '00u1', groups: ['Everyone'] } },
    nearMisses: {
      'an ID token': { claims: { jti: 'ID.radC', cid: undefined } },
      'an ID token with the claims of an access token': { claims: { jti: 'ID.radC' } },
      'a token of the org authorization server': {
        claims: { iss: 'https://example.okta.com', aud: 'https://example.okta.com' },
        header: { typ: 'application/okta-internal-at+jwt' },
      },
      'an internal token': { header: { typ: 'okta-internal-at+jwt' } },
      'a token of another authorization server': { claims: { iss: 'https://example.okta.com/oauth2/aus1' } },
      'a token without a client': { claims: { cid: undefined } },
    },
  },
  google: {
    options: { ...google({ hostedDomain: 'example.com' }), audience: resource },
    claims: {
      ...no,
      iss: 'https://accounts.google.com',
      aud: resource,
      azp: '1084',
      sub: '1084',
      email: 'robot@project.iam.gserviceaccount.com',
      email_verified: true,
      hd: 'example.com',
      jti: undefined,
    },
    header: plain,
    expected: { clientId: '1084', scopes: [], extra: { subject: '1084', issuer: 'https://accounts.google.com' } },
    nearMisses: {
      'the ID token of a web login': { claims: { aud: 'x.apps.googleusercontent.com', nonce: 'n' } },
      'the ID token of a login that names us as well': { claims: { aud: [resource, 'x.apps.googleusercontent.com'] } },
      'a Firebase token': { claims: { iss: 'https://securetoken.google.com/project' } },
      'an account of another domain': { claims: { hd: 'example.net' } },
      'an account of no domain': { claims: { hd: undefined } },
      'a token for another service': { claims: { aud: 'https://other.example' } },
    },
  },
  cognito: {
    options: cognito({ userPoolId: 'eu-central-1_AbCdEfGhI' }),
    claims: {
      iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI',
      aud: resource,
      token_use: 'access',
      scope: 'notes/read',
      'cognito:groups': ['staff'],
      username: 'alice',
      version: 2,
    },
    header: untyped,
    expected: { clientId: 'app', scopes: ['notes/read'], extra: { subject: 'alice', groups: ['staff'] } },
    nearMisses: {
      'an ID token': { claims: { token_use: 'id', aud: 'app', client_id: undefined } },
      'an ID token for an audience like ours': { claims: { token_use: 'id' } },
      'a token of another pool': {
        claims: { iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_ZZZZZZZZZ' },
      },
      'a token that was asked for without a resource': { claims: { aud: undefined } },
      'a token without its use': { claims: { token_use: undefined } },
    },
  },
  'cognito, by clients': {
    options: cognito({ userPoolId: 'eu-central-1_AbCdEfGhI', clientIds: ['app', 'other'] }),
    claims: {
      iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI',
      aud: undefined,
      token_use: 'access',
    },
    header: untyped,
    expected: { clientId: 'app' },
    nearMisses: { 'a token of another client': { claims: { client_id: 'third' } } },
  },
}

describe.each(Object.entries(providers))('%s', (_, { options, claims, header, expected, nearMisses }) => {
  const verifier = issuerAuthority({ ...options, jwks: keySet(key) }).protect(resource)

  test('lets its access token through, with roles and groups in one place', async () => {
    const auth = await verifier.verifyAccessToken(await sign(key, claims, header))
    expect(auth).toMatchObject(expected)
  })

  test.each(Object.entries(nearMisses))('[attack 127] refuses %s', async (__, changed) => {
    const token = await sign(key, { ...claims, ...changed.claims }, { ...header, ...changed.header })
    await expect(verifier.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test('[attack 123] refuses tokens of other types', async () => {
    for (const typ of ['logout+jwt', 'dpop+jwt', 'oauth-id-jag+jwt', 'id_token', 'at+jwt2']) {
      const token = await sign(key, claims, { ...header, typ })
      await expect(verifier.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    }
  })

  test('is as strict as any other about time, audience, algorithm and binding', async () => {
    for (const [change, changedHeader] of [
      [{ exp: undefined }, {}],
      [{ exp: 1 }, {}],
      [{ iat: 9e12 }, {}],
      [{ sub: undefined }, {}],
      [{ aud: 'https://other.example', client_id: 'third' }, {}],
      [{ cnf: { jkt: 'x' } }, {}],
      [{}, { kid: 'unknown' }],
    ] as const) {
      const token = await sign(key, { ...claims, ...change }, { ...header, ...changedHeader })
      await expect(verifier.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    }
  })

  test('knows where the keys are, and discovers nothing', async () => {
    const fetch = vi.fn(async () => Response.json(keySet(key)))
    const fetching = issuerAuthority({ ...options, fetch }).protect(resource)
    await fetching.verifyAccessToken(await sign(key, claims, header))
    expect(fetch.mock.calls).toEqual([[options.jwksUri, expect.anything()]])
    expect(options.jwksUri).toMatch(/^https:\/\//)
  })
})

test("a role of a Keycloak client never looks like the realm's, and odd claims are no roles", async () => {
  const { options, claims, header } = providers.keycloak as Provider
  const verifier = createTokenVerifier({ ...options, audience: resource, jwks: keySet(key) })
  for (const [realm, clients, roles] of [
    [undefined, { x: { roles: ['admin'] } }, ['x:admin']],
    [{ roles: 'admin' }, [], []],
    [[], { x: null, y: { roles: { admin: true } } }, []],
    [{ roles: [7, 'a'] }, 'x', ['a']],
  ]) {
    const token = await sign(key, { ...claims, realm_access: realm, resource_access: clients }, header)
    expect((await verifier.verifyAccessToken(token)).extra?.roles).toEqual(roles)
  }
})

test('entra wants the ids themselves', () => {
  for (const options of [
    { tenantId: 'common', clientId: apiId },
    { tenantId: 'example.onmicrosoft.com', clientId: apiId },
    { tenantId, clientId: `api://${apiId}` },
    { tenantId, clientId: apiId.toUpperCase() },
  ]) {
    expect(() => entra(options)).toThrow(/GUID/)
  }
})

test('the scopes that clients must ask Entra for can be required as they are', async () => {
  const { options, claims, header } = providers.entra as Provider
  const verifier = issuerAuthority({ ...options, jwks: keySet(key) }).protect(resource)
  const { scopes } = await verifier.verifyAccessToken(await sign(key, { ...claims, scp: 'notes.read' }, header))
  expect(scopes).toContain(`api://${apiId}/notes.read`)
})
