import { createServer, type Server } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { issuer, redirectUri, resource } from './settings.js'

/** oidc-provider with its memory adapter, set to the tokens that ours issues. `/start` begins a grant. */
export async function oidcProvider(): Promise<Server> {
  // @ts-expect-error it has no types
  const { Provider } = await import('oidc-provider')
  for (const name of ['info', 'warn'] as const) console[name] = () => {}
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const client_id = 'bench'
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'k' }] },
    cookies: { keys: ['k'] },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: 'mcp',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
        useGrantedResource: () => true,
      },
    },
    scopes: ['mcp', 'offline_access'],
    ttl: { AccessToken: 3600, Grant: 86_400, RefreshToken: 86_400, IdToken: 3600 },
    rotateRefreshToken: true,
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
  })
  const callback = provider.callback()
  return createServer(async (request, response) => {
    if (request.url !== '/start') return callback(request, response)
    const grant = new provider.Grant({ accountId: 'alice', clientId: client_id })
    grant.addResourceScope(resource, 'mcp')
    const grantId = await grant.save()
    const client = await provider.Client.find(client_id)
    const refresh = new provider.RefreshToken({
      accountId: 'alice',
      client,
      grantId,
      gty: 'authorization_code',
      resource,
      scope: 'mcp',
      rotations: 0,
      iiat: Math.floor(Date.now() / 1000),
    })
    response.end(JSON.stringify({ client_id, refresh_token: await refresh.save() }))
  })
}
