import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
// @ts-expect-error it has no types
import Provider from 'oidc-provider'

/** How the issuer is to look. */
export interface OidcIssuerOptions {
  readonly format: 'jwt' | 'opaque'
  /** A path that the issuer identifier ends in. */
  readonly path?: string
  /** Addresses that are to answer like others, by what the path ends in. */
  readonly aliases?: Readonly<Record<string, string>>
  /** Changes a JWT access token before it is signed. */
  readonly customize?: (jwt: { header: Record<string, unknown>; payload: Record<string, unknown> }) => void
}

/** A real OpenID provider with resource indicators, introspection, revocation and DPoP. */
export interface OidcIssuer {
  readonly issuer: string
  /** Every path that it was asked for. */
  readonly requests: string[]
  /** Gets an access token for a resource with client credentials; `headers` may hold a DPoP proof. */
  token(resource: string, scope?: string, headers?: Record<string, string>): Promise<string>
  /** Makes a refresh token for a user. */
  refreshToken(resource: string): Promise<string>
  revoke(token: string): Promise<void>
  /** While set, every request is answered with this status. */
  down?: number
  close(): Promise<void>
}

export const client = { id: 'app', secret: 'a-secret-of-the-app' }
/** The client that the resource server is. */
export const server = { id: 'notes server', secret: 'a+secret/with%odd:signs' }

const basic = ({ id, secret }: typeof client): string =>
  `Basic ${btoa([id, secret].map((part) => encodeURIComponent(part)).join(':'))}`

export async function startOidcIssuer({
  format,
  path = '',
  aliases = {},
  customize,
}: OidcIssuerOptions): Promise<OidcIssuer> {
  let listener: RequestListener = (_, response) => response.end()
  const requests: string[] = []
  const http = createServer((request, response) => {
    requests.push(request.url ?? '')
    if (issuer.down !== undefined) return response.writeHead(issuer.down).end()
    request.url = rewritten(request)
    listener(request, response)
  })
  const rewritten = ({ url = '' }: IncomingMessage): string => {
    const local = url.startsWith(path) ? url.slice(path.length) : url
    return Object.entries(aliases).find(([alias]) => local.endsWith(alias))?.[1] ?? local
  }
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })

  const provider = new Provider(origin + path, {
    clients: [
      { client_id: client.id, client_secret: client.secret, grant_types: ['client_credentials', 'refresh_token'] },
      { client_id: server.id, client_secret: server.secret, grant_types: [] },
    ].map((one) => ({ ...one, redirect_uris: [], response_types: [] })),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'real', alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['a-cookie-key'] },
    ttl: { ClientCredentials: 600, RefreshToken: 600, Grant: 600 },
    findAccount: async (_: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: async (_: unknown, resource: string) => ({
          audience: resource,
          scope: 'notes:read notes:write',
          accessTokenFormat: format,
          ...(format === 'jwt' ? { jwt: { sign: { alg: 'RS256' } } } : {}),
        }),
      },
    },
    formats: {
      customizers: {
        jwt: (_: unknown, __: unknown, jwt: { header?: Record<string, unknown>; payload: Record<string, unknown> }) => {
          jwt.header ??= {}
          customize?.({ header: jwt.header, payload: jwt.payload })
        },
      },
    },
  })
  listener = provider.callback() as RequestListener

  const post = (endpoint: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(origin + path + endpoint, {
      method: 'POST',
      headers: { Authorization: basic(client), ...headers },
      body: new URLSearchParams(fields),
    })
  const issuer: OidcIssuer = {
    issuer: origin + path,
    requests,
    async token(resource, scope = 'notes:read', headers = {}) {
      const response = await post('/token', { grant_type: 'client_credentials', resource, scope }, headers)
      const { access_token: token, error_description: problem } = await response.json()
      if (typeof token !== 'string') throw new Error(`No token: ${problem}`)
      return token
    },
    async refreshToken(resource) {
      const grant = new provider.Grant({ accountId: 'alice', clientId: client.id })
      grant.addResourceScope(resource, 'notes:read')
      const grantId = await grant.save()
      const owner = await provider.Client.find(client.id)
      const fields = {
        accountId: 'alice',
        client: owner,
        grantId,
        gty: 'authorization_code',
        resource,
        scope: 'notes:read',
      }
      return new provider.RefreshToken(fields).save()
    },
    async revoke(token) {
      await post('/token/revocation', { token })
    },
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
  return issuer
}
