import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import type { TestMetadataOptions } from './test-metadata-options.js'
import { ensure, listed, type Walk } from './walk.js'

/** What each endpoint beside authorization promises. */
export function endpointCases(
  { resource, fetch = globalThis.fetch, resourceServer, publish, redirectUri }: TestMetadataOptions,
  walk: Walk,
): Record<string, () => Promise<void>> {
  /** Every way to authenticate at an endpoint, one client for each. */
  async function clients(endpoint: string) {
    const metadata = await walk.metadata()
    const methods = listed(metadata, `${endpoint}_auth_methods_supported`)
    const algorithms = listed(metadata, `${endpoint}_auth_signing_alg_values_supported`)
    ensure(methods.length > 0, `${endpoint}_auth_methods_supported is empty`)
    return Promise.all(
      methods.flatMap((method) =>
        method.endsWith('_jwt') ? algorithms.map((alg) => walk.register(method, alg)) : [walk.register(method)],
      ),
    )
  }

  return {
    'every authentication method and algorithm of the token endpoint gets tokens': async () => {
      for (const client of await clients('token_endpoint')) {
        const tokens = await walk.tokens(client)
        ensure(typeof tokens.access_token === 'string', `No access token for ${client.method}`)
      }
    },
    'every authentication method and algorithm of the revocation endpoint revokes': async () => {
      if ((await walk.metadata()).revocation_endpoint === undefined) return
      for (const client of await clients('revocation_endpoint')) {
        const { refresh_token: token } = (await walk.tokens(client)) as { refresh_token: string }
        const revoked = await walk.post('revocation_endpoint', client, { token })
        ensure(revoked.status === 200, `Revocation by ${client.method} answers ${revoked.status}`)
        const fields = { grant_type: 'refresh_token', refresh_token: token }
        const after = await walk.post('token_endpoint', client, fields)
        ensure(after.status === 400, `A token that ${client.method} revoked still works`)
      }
    },
    'every authentication method of the introspection endpoint tells of a token': async () => {
      const metadata = await walk.metadata()
      if (metadata.introspection_endpoint === undefined) return
      const { access_token: token } = (await walk.tokens(await walk.register('none'))) as { access_token: string }
      const stranger = await fetch(String(metadata.introspection_endpoint), {
        method: 'POST',
        body: new URLSearchParams({ token }),
      })
      ensure(stranger.status === 401, `Introspection answers ${stranger.status} to a stranger`)
      if (!resourceServer) return
      const { clientId, clientSecret: secret } = resourceServer
      for (const method of listed(metadata, 'introspection_endpoint_auth_methods_supported')) {
        const caller = { clientId, secret, method, algorithm: 'ES256' }
        const answer = (await (await walk.post('introspection_endpoint', caller, { token })).json()) as {
          active?: unknown
        }
        ensure(answer.active === true, `Introspection by ${method} does not know the token`)
      }
    },
    'the keys verify an access token that is a JWT, and show nothing private': async () => {
      const { jwks_uri: uri } = await walk.metadata()
      if (uri === undefined) return
      const jwks = (await (await fetch(String(uri), {})).json()) as JSONWebKeySet
      for (const key of jwks.keys) ensure(!('d' in key) && !('k' in key), 'A private key is published')
      const { access_token: token } = (await walk.tokens(await walk.register('none'))) as { access_token: string }
      if (token.split('.').length === 3) await jwtVerify(token, createLocalJWKSet(jwks), { audience: resource })
    },
    'a client that is described by a document gets tokens': async () => {
      if ((await walk.metadata()).client_id_metadata_document_supported !== true || !publish) return
      const clientId = await publish((url) => ({
        client_id: url,
        client_name: 'Documented',
        redirect_uris: [redirectUri],
        token_endpoint_auth_method: 'none',
      }))
      await walk.tokens({ clientId, method: 'none', algorithm: 'ES256' })
    },
  }
}
