import type { TestMetadataOptions } from './test-metadata-options.js'
import { ensure, listed, type Walk } from './walk.js'

/** Members that the cases of this suite use. */
const used = new Set([
  'issuer',
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'revocation_endpoint',
  'introspection_endpoint',
  'jwks_uri',
  'scopes_supported',
  'response_types_supported',
  'response_modes_supported',
  'grant_types_supported',
  'prompt_values_supported',
  'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported',
  'revocation_endpoint_auth_methods_supported',
  'revocation_endpoint_auth_signing_alg_values_supported',
  'introspection_endpoint_auth_methods_supported',
  'code_challenge_methods_supported',
  'authorization_response_iss_parameter_supported',
  'client_id_metadata_document_supported',
  'protected_resources',
])

/** What the document itself promises. */
export function documentCases(
  { issuer, fetch = globalThis.fetch }: TestMetadataOptions,
  walk: Walk,
): Record<string, () => Promise<void>> {
  return {
    'the issuer is the one that was asked, at every address of the metadata': async () => {
      const { origin, pathname } = new URL(issuer)
      const path = pathname === '/' ? '' : pathname
      for (const url of [
        `${origin}/.well-known/oauth-authorization-server${path}`,
        `${origin}/.well-known/openid-configuration${path}`,
        `${issuer}/.well-known/openid-configuration`,
      ]) {
        const response = await fetch(url, {})
        ensure(response.status === 200, `${url} answers ${response.status}`)
        const found = ((await response.json()) as { issuer: unknown }).issuer
        ensure(found === issuer, `${url} says that the issuer is ${String(found)}`)
      }
    },
    'no member is null, and every member is one that these cases use': async () => {
      for (const [name, value] of Object.entries(await walk.metadata())) {
        ensure(value !== null, `${name} is null`)
        ensure(used.has(name), `${name} is advertised, and nothing here uses it`)
      }
    },
    'the algorithms and methods that nobody should offer are not offered': async () => {
      const metadata = await walk.metadata()
      ensure(
        listed(metadata, 'code_challenge_methods_supported').join() === 'S256',
        'PKCE must be S256 and nothing else',
      )
      ensure(
        !listed(metadata, 'grant_types_supported').some((grant) => /implicit|password/.test(grant)),
        'An unsafe grant',
      )
      for (const [name, value] of Object.entries(metadata)) {
        if (name.endsWith('signing_alg_values_supported')) {
          ensure(!(value as string[]).some((alg) => /^(none|HS)/i.test(alg)), `${name} lists none or a shared secret`)
        }
      }
    },
  }
}
