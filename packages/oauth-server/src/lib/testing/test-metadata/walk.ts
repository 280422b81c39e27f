import { base64url, type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { followLogin } from '../follow-login.js'
import type { TestMetadataOptions } from './test-metadata-options.js'

/** The metadata under test. */
export type Metadata = Readonly<Record<string, unknown>>

/** A client that the suite registered. */
export interface TestClient {
  readonly clientId: string
  readonly secret?: string
  readonly privateKey?: CryptoKey
  readonly method: string
  readonly algorithm: string
}

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const pairs = new Map<string, ReturnType<typeof generateKeyPair>>()

/** One pair per algorithm will do, and RSA keys take long to make. */
function keyPair(algorithm: string): ReturnType<typeof generateKeyPair> {
  const pair = pairs.get(algorithm) ?? generateKeyPair(algorithm, { extractable: true })
  pairs.set(algorithm, pair)
  return pair
}

/** Fails with a message that names what was advertised. */
export function ensure(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

/** The strings of a list member, or none. */
export function listed(metadata: Metadata, name: string): string[] {
  const value = metadata[name]
  return Array.isArray(value) ? value.map(String) : []
}

/** Everything a client does, step by step. */
export interface Walk {
  readonly metadata: () => Promise<Metadata>
  register(method: string, algorithm?: string, more?: Record<string, unknown>): Promise<TestClient>
  /** Goes through the login, and returns the callback and the verifier. */
  authorize(client: TestClient, changes?: Record<string, string>): Promise<{ callback: URL; verifier: string }>
  /** The address to send a browser to. */
  authorizationUrl(client: TestClient, challenge: string, changes?: Record<string, string>): Promise<string>
  /** Posts a form, authenticated as the client, to the endpoint of this name. */
  post(endpoint: string, client: TestClient, fields: Record<string, string>): Promise<Response>
  tokens(client: TestClient, changes?: Record<string, string>): Promise<Record<string, unknown>>
}

export function createWalk({
  issuer,
  resource,
  fetch = globalThis.fetch,
  redirectUri,
  userName,
}: TestMetadataOptions): Walk {
  let known: Promise<Metadata> | undefined
  const metadata = (): Promise<Metadata> => {
    known ??= (async () => {
      const { origin, pathname } = new URL(issuer)
      const path = pathname === '/' ? '' : pathname
      const response = await fetch(`${origin}/.well-known/oauth-authorization-server${path}`, {})
      ensure(response.status === 200, `the metadata answers ${response.status}`)
      return (await response.json()) as Metadata
    })()
    return known
  }
  const endpoint = async (name: string): Promise<string> => {
    const url = (await metadata())[name]
    ensure(typeof url === 'string', `${name} is not advertised`)
    return url
  }

  const walk: Walk = {
    metadata,
    async register(method, algorithm = 'ES256', more = {}) {
      const pair = method === 'private_key_jwt' ? await keyPair(algorithm) : undefined
      const response = await fetch(await endpoint('registration_endpoint'), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          client_name: 'Metadata test',
          redirect_uris: [redirectUri],
          token_endpoint_auth_method: method,
          grant_types: ['authorization_code', 'refresh_token'],
          ...(pair && { jwks: { keys: [{ ...(await exportJWK(pair.publicKey)), alg: algorithm }] } }),
          ...more,
        }),
      })
      const body = (await response.json()) as Record<string, string>
      ensure(
        response.status === 201,
        `registering a client of ${method} answers ${response.status} ${body.error ?? ''}`,
      )
      return {
        clientId: body.client_id as string,
        method,
        algorithm,
        ...(body.client_secret && { secret: body.client_secret }),
        ...(pair && { privateKey: pair.privateKey }),
      }
    },

    async authorizationUrl(client, challenge, changes = {}) {
      const url = new URL(await endpoint('authorization_endpoint'))
      const query = {
        response_type: 'code',
        client_id: client.clientId,
        redirect_uri: redirectUri,
        state: 'a-state',
        code_challenge: challenge,
        code_challenge_method: 'S256',
        resource,
        ...changes,
      }
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
      return url.href
    },

    async authorize(client, changes = {}) {
      const verifier = base64url.encode(crypto.getRandomValues(new Uint8Array(32)))
      const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
      const url = await walk.authorizationUrl(client, base64url.encode(new Uint8Array(digest)), changes)
      return { callback: await followLogin(url, redirectUri, { fetch, userName }), verifier }
    },

    async post(name, client, fields) {
      const headers = new Headers()
      const form = new URLSearchParams(fields)
      if (client.method === 'client_secret_basic') {
        const credentials = `${encodeURIComponent(client.clientId)}:${encodeURIComponent(client.secret ?? '')}`
        headers.set('Authorization', `Basic ${btoa(credentials)}`)
      } else form.set('client_id', client.clientId)
      if (client.method === 'client_secret_post') form.set('client_secret', client.secret ?? '')
      if (client.privateKey) {
        form.set('client_assertion_type', jwtBearer)
        form.set('client_assertion', await assertion(client, issuer))
      }
      return fetch(await endpoint(name), { method: 'POST', headers, body: form })
    },

    async tokens(client, changes = {}) {
      const { callback, verifier } = await walk.authorize(client, changes)
      const code = callback.searchParams.get('code')
      ensure(code, `the authorization ended in ${callback.searchParams.get('error') ?? 'no code'}`)
      const fields = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri }
      const response = await walk.post('token_endpoint', client, fields)
      const body = (await response.json()) as Record<string, unknown>
      ensure(
        response.status === 200,
        `the token endpoint answers ${response.status} ${String(body.error)} to ${client.method}`,
      )
      return body
    },
  }
  return walk
}

function assertion({ clientId, privateKey, algorithm }: TestClient, issuer: string): Promise<string> {
  return new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: algorithm })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(issuer)
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(privateKey as CryptoKey)
}
