import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
// @ts-expect-error it has no types
import Provider from 'oidc-provider'

/** A real OpenID provider at which people have accounts. */
export interface AccountServer {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** The forms of every request to the token endpoint. */
  readonly tokenRequests: URLSearchParams[]
  /** Whose access token this is; nobody's when it has ended or was taken back. */
  accountOf(token: string): Promise<string | undefined>
  /** Takes back everything that an account has granted. */
  takeBack(account: string): Promise<void>
  /** While set, the token endpoint answers with this status. */
  down?: number
  /** Awaited before each request to the token endpoint is answered. */
  hold?: () => Promise<unknown>
  close(): Promise<void>
}

/**
 * Starts oidc-provider on a port of its own. It rotates refresh tokens, and takes the second use of one for theft.
 *
 * @param redirectUris of its one client
 */
export async function startAccountServer(redirectUris: readonly string[]): Promise<AccountServer> {
  let listener: RequestListener = (_, response) => response.end()
  const tokenRequests: URLSearchParams[] = []
  const http = createServer(async (request, response) => {
    if (request.url !== '/token') return listener(request, response)
    await server.hold?.()
    if (server.down !== undefined) return response.writeHead(server.down).end()
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    tokenRequests.push(new URLSearchParams(body))
    // Where oidc-provider looks for a body that was read already
    listener(Object.assign(request, { body }), response)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const grants = new Map<string, string>()
  const server: AccountServer = {
    issuer,
    clientId: 'gateway',
    clientSecret: 'a-secret-of-the-gateway',
    tokenRequests,
    accountOf: async (token) => (await provider.AccessToken.find(token))?.accountId,
    async takeBack(account) {
      for (const [grantId, owner] of grants) {
        if (owner !== account) continue
        const grant = await provider.Grant.find(grantId)
        await grant?.destroy()
        await provider.AccessToken.revokeByGrantId(grantId)
        await provider.RefreshToken.revokeByGrantId(grantId)
      }
    },
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: server.clientId,
        client_secret: server.clientSecret,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'one', alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['a-cookie-key'] },
    ttl: { AccessToken: 300, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600, IdToken: 300 },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    findAccount: async (_: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  })
  provider.on('access_token.saved', ({ grantId, accountId }: { grantId: string; accountId: string }) => {
    grants.set(grantId, accountId)
  })
  listener = provider.callback() as RequestListener
  return server
}
