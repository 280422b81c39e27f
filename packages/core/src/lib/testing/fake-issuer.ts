import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { issuerMetadataPaths } from '../tokens/issuer-metadata-paths.js'
import type { MswHttp } from './msw.js'

/** How a fake issuer is set up. */
export interface FakeIssuerOptions {
  /**
   * The issuer identifier.
   *
   * @default https://issuer.test
   */
  readonly issuer?: string
  /** What introspection asks its callers for; nothing is checked by default. */
  readonly client?: { readonly id: string; readonly secret: string }
}

/** What is in a token. Everything left out is right, so a test names only what it wants wrong. */
export interface FakeTokenOptions {
  /** The audience (`aud`): the resource that the token is for. */
  readonly resource?: string | string[]
  /**
   * `sub`.
   *
   * @default user-1
   */
  readonly subject?: string
  /**
   * `client_id`.
   *
   * @default client-1
   */
  readonly clientId?: string
  /** `scope`, separated by spaces. */
  readonly scope?: string
  /**
   * Seconds until it ends, negative for one that has ended.
   *
   * @default 300
   */
  readonly expiresIn?: number
  /** More claims, and claims to replace; `undefined` leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** Members of the header to replace, such as `typ`; `undefined` leaves one out. */
  readonly header?: Readonly<Record<string, unknown>>
  /** `own` by default; `foreign` signs with a key that the issuer does not publish, `none` does not sign. */
  readonly signature?: 'own' | 'foreign' | 'none'
}

/** An issuer that exists in a test only. */
export interface FakeIssuer {
  readonly issuer: string
  /** Serves metadata (RFC 8414, OpenID Connect), keys and introspection (RFC 7662). */
  readonly fetch: (request: Request) => Promise<Response>
  /** The same as handlers for msw: `setupServer(...issuer.handlers(http))`. */
  readonly handlers: <H>(http: MswHttp<H>) => H[]
  /** Mints an access token (RFC 9068). */
  readonly token: (options?: FakeTokenOptions) => Promise<string>
  /** Makes introspection call a token inactive. */
  readonly revoke: (token: string) => void
  /** Makes new keys; the old ones are no longer published. */
  readonly rotate: () => void
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[]
}

/**
 * Makes an issuer for tests: its tokens verify with `createTokenVerifier` or `{ issuer }` in `createGateway`, and each
 * claim of them can be made wrong. It signs in nobody and has no authorization endpoint.
 *
 * @example
 * ```ts
 * const issuer = fakeIssuer({ issuer: 'https://login.example.com' })
 * const expired = await issuer.token({ resource: 'https://mcp.example.com/notes/mcp', expiresIn: -60 })
 * ```
 */
export function fakeIssuer({ issuer = 'https://issuer.test', client }: FakeIssuerOptions = {}): FakeIssuer {
  const revoked = new Set<string>()
  const requests: string[] = []
  let generation = 0
  let own = generateKeyPair('ES256')
  const foreign = generateKeyPair('ES256')
  const minted = new Map<string, JWTPayload>()
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  const metadata = {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    introspection_endpoint: `${issuer}/introspect`,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
  }

  const [oauth, openid] = issuerMetadataPaths(path)
  const routes: Record<string, (request: Request) => Promise<Response>> = {
    [oauth]: async () => Response.json(metadata),
    [openid]: async () => Response.json(metadata),
    [`${path}/jwks`]: async () => {
      const { publicKey } = await own
      return Response.json({
        keys: [{ ...(await exportJWK(publicKey)), kid: `key-${generation}`, alg: 'ES256', use: 'sig' }],
      })
    },
    [`${path}/introspect`]: async (request) => {
      if (client !== undefined && request.headers.get('authorization') !== basic(client)) {
        return Response.json({ error: 'invalid_client' }, { status: 401 })
      }
      const token = new URLSearchParams(await request.text()).get('token') ?? ''
      const claims = minted.get(token)
      const active = claims !== undefined && !revoked.has(token) && (claims.exp ?? 0) > Date.now() / 1000
      return Response.json(active ? { active, ...claims, token_type: 'Bearer' } : { active: false })
    },
  }

  const answer = async (request: Request): Promise<Response> => {
    const url = new URL(request.url)
    requests.push(url.pathname)
    return (await routes[url.pathname]?.(request)) ?? Response.json({ error: 'not_found' }, { status: 404 })
  }

  const token = async (options: FakeTokenOptions = {}): Promise<string> => {
    const { signature = 'own' } = options
    const claims = claimsOf(issuer, options)
    const header = defined({ alg: 'ES256', typ: 'at+jwt', kid: `key-${generation}`, ...options.header }) as {
      alg: string
    }
    const keys = await (signature === 'foreign' ? foreign : own)
    const jwt =
      signature === 'none'
        ? new UnsecuredJWT(claims).encode()
        : await new SignJWT(claims).setProtectedHeader(header).sign(keys.privateKey)
    minted.set(jwt, claims)
    return jwt
  }

  return {
    issuer,
    requests,
    fetch: answer,
    handlers: (http) => Object.keys(routes).map((route) => http.all(origin + route, ({ request }) => answer(request))),
    token,
    revoke: (jwt) => void revoked.add(jwt),
    rotate: () => {
      generation++
      own = generateKeyPair('ES256')
    },
  }
}

function claimsOf(issuer: string, options: FakeTokenOptions): JWTPayload {
  const { resource, subject = 'user-1', clientId = 'client-1', scope, expiresIn = 300, claims } = options
  const now = Math.floor(Date.now() / 1000)
  return defined({
    iss: issuer,
    aud: resource,
    sub: subject,
    client_id: clientId,
    scope,
    iat: Math.min(now, now + expiresIn),
    exp: now + expiresIn,
    jti: crypto.randomUUID(),
    ...claims,
  })
}

function defined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

function basic({ id, secret }: { id: string; secret: string }): string {
  return `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}`
}
