import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
// @ts-expect-error it has no types
import Provider from 'oidc-provider'

/** A real OpenID provider. */
export interface OidcServer {
  issuer: string
  clientId: string
  clientSecret: string
  /** What it signs ID tokens with, for those who forge them. */
  privateKey: JWK
  /** Claims of the account that signs in, by its login. */
  claims: Record<string, unknown>
  close: () => Promise<void>
}

/**
 * Starts oidc-provider on a port of its own, with one client.
 *
 * @param redirectUri of the client
 */
export async function startOidcServer(redirectUri: string): Promise<OidcServer> {
  let listener: RequestListener = (_, response) => response.end()
  const server = createServer((request, response) => listener(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(privateKey)), kid: 'upstream', alg: 'RS256', use: 'sig' }
  const oidc: OidcServer = {
    issuer,
    clientId: 'gateway',
    clientSecret: 'a-secret-of-the-gateway',
    privateKey: jwk,
    claims: {},
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: oidc.clientId,
        client_secret: oidc.clientSecret,
        redirect_uris: [redirectUri],
        application_type: 'native',
      },
    ],
    jwks: { keys: [jwk] },
    cookies: { keys: ['a-cookie-key'] },
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username', 'groups', 'roles', 'oid', 'realm_access', 'resource_access'],
      email: ['email', 'email_verified'],
    },
    findAccount: async (_: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({ sub: id, ...oidc.claims }),
    }),
  })
  listener = provider.callback() as RequestListener
  return oidc
}
