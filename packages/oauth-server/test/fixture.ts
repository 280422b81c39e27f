import { createHash, randomBytes } from 'node:crypto'
import type { Context, Storage } from '@mcp-gateway/core'
import { decodeJwt } from 'jose'
import { sharedMemory } from '../../../test/servers/shared-memory.js'
import { type AuthorizationServer, createAuthorizationServer } from '../src/lib/authorization-server.js'
import { devLogin } from '../src/lib/identity-providers/dev-login.js'
import type { AuthorizationServerOptions } from '../src/lib/server/options.js'
import { followLogin } from '../src/lib/testing/follow-login.js'

export const issuer = 'http://127.0.0.1:8787'
export const resource = `${issuer}/everything/mcp`
export const redirectUri = 'http://127.0.0.1:4321/callback'

/** A JSON answer: its members, beside status and headers. */
export interface Answer extends Record<string, unknown> {
  status: number
  headers: Headers
  error: string
  access_token: string
  refresh_token: string
}

export async function answerOf(response: Response): Promise<Answer> {
  const body = (await response.json()) as Answer
  return { ...body, status: response.status, headers: response.headers }
}

/** A clock that a test moves. */
export interface TestClock {
  now: () => number
  /** @param seconds how far to go on */
  advance(seconds: number): void
}

export function testClock(): TestClock {
  let offset = 0
  return {
    now: () => Date.now() + offset * 1000,
    advance: (seconds) => {
      offset += seconds
    },
  }
}

/** An authorization server on loopback with what a test needs around it. */
export function setUp(options: Partial<AuthorizationServerOptions> = {}): {
  server: AuthorizationServer
  storage: Storage
  clock: TestClock
  call: (path: string, init?: RequestInit, context?: Context) => Promise<Response>
} {
  const clock = testClock()
  const storage = options.storage ?? sharedMemory({ now: clock.now })
  const server = createAuthorizationServer({
    issuer,
    storage,
    identityProvider: devLogin(),
    resources: [resource],
    now: clock.now,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...options,
  })
  return {
    server,
    storage,
    clock,
    call: async (path, init, context = {}) =>
      server.handle(new Request(path.startsWith('http') ? path : (options.issuer ?? issuer) + path, init), context),
  }
}

export type Setup = ReturnType<typeof setUp>

/** Posts a form. */
export function form(
  fields: Record<string, string> | URLSearchParams,
  headers: Record<string, string> = {},
): RequestInit {
  return { method: 'POST', body: new URLSearchParams(fields), headers }
}

/** Registers a client; a public one unless told. */
export async function register(
  { call }: Setup,
  metadata: Record<string, unknown> = {},
): Promise<Record<string, string>> {
  const response = await call('/register', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Test client',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
      ...metadata,
    }),
  })
  if (response.status !== 201) throw new Error(await response.text())
  return (await response.json()) as Record<string, string>
}

/** A verifier and its S256 challenge. */
export function pkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** The path and query of a good authorization request. */
export function authorizePath(
  clientId: string,
  challenge: string,
  changes: Record<string, string | undefined> = {},
): string {
  const query = new URLSearchParams()
  const all = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    state: 'some-state',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource,
    ...changes,
  }
  for (const [name, value] of Object.entries(all)) if (value !== undefined) query.set(name, value)
  return `/authorize?${query}`
}

/**
 * What a client is told by an error at the authorization endpoint. A client that nobody vouches for is told by the link of
 * a page alone, which a person has to follow (RFC 9700 section 4.11.2).
 */
export async function errorByLink(response: Response, client = redirectUri): Promise<URL> {
  if (response.status !== 400 || response.headers.has('location')) {
    throw new Error(`${response.status} ${response.headers.get('location')} is no page of an error`)
  }
  const page = await response.text()
  const links = [...page.matchAll(/<a href="([^"]*)"/g)].map(([, href = '']) => href.replaceAll('&amp;', '&'))
  const [link] = links
  if (links.length !== 1 || !link?.startsWith(client)) throw new Error(`${links} are not one link to the client`)
  return new URL(link)
}

/** Goes through consent and login as a person would, and returns where the client is answered. */
export function login(
  { server }: Setup,
  path: string,
  options: { userName?: string; decision?: 'approve' | 'deny'; redirectUri?: string } = {},
): Promise<URL> {
  return followLogin(server.issuer + path, options.redirectUri ?? redirectUri, {
    fetch: (input, init) => server.fetch(new Request(input, init)),
    ...options,
  })
}

/** A whole walk up to the code. */
export async function obtainCode(
  setup: Setup,
  client?: Record<string, string>,
  changes: Record<string, string | undefined> = {},
): Promise<{ client: Record<string, string>; code: string; verifier: string; exchange: Record<string, string> }> {
  const registered = client ?? (await register(setup))
  const { verifier, challenge } = pkce()
  const path = authorizePath(registered.client_id as string, challenge, changes)
  const callback = await login(setup, path, { redirectUri: changes.redirect_uri ?? redirectUri })
  const code = callback.searchParams.get('code') ?? ''
  return {
    client: registered,
    code,
    verifier,
    exchange: {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: changes.redirect_uri ?? redirectUri,
      client_id: registered.client_id as string,
    },
  }
}

/** A whole walk up to the tokens. */
export async function obtainTokens(
  setup: Setup,
  client?: Record<string, string>,
  changes: Record<string, string | undefined> = {},
): Promise<{ client: Record<string, string>; tokens: Record<string, string> }> {
  const obtained = await obtainCode(setup, client, changes)
  const response = await setup.call('/token', form(obtained.exchange))
  if (response.status !== 200) throw new Error(await response.text())
  return { client: obtained.client, tokens: (await response.json()) as Record<string, string> }
}

/**
 * Goes through consent and a provider that runs elsewhere, and returns what the client gets.
 *
 * @param change may alter what the provider sends the browser back with
 */
export async function signInAt(
  setup: Setup,
  change: (callback: URL) => void = () => {},
): Promise<{ answer: Record<string, string>; claims?: Record<string, unknown> }> {
  const client = await register(setup)
  const clientId = client.client_id as string
  const { verifier, challenge } = pkce()
  const callback = await followLogin(issuer + authorizePath(clientId, challenge), redirectUri, {
    fetch: (url, init) => {
      if (!url.startsWith(issuer)) return fetch(url, init)
      const target = new URL(url)
      if (target.pathname.startsWith('/callback/')) change(target)
      return setup.server.fetch(new Request(target, init))
    },
  })
  const answer = Object.fromEntries(callback.searchParams)
  if (!answer.code) return { answer }
  const fields = {
    grant_type: 'authorization_code',
    code: answer.code,
    code_verifier: verifier,
    redirect_uri: redirectUri,
    client_id: clientId,
  }
  const tokens = (await (await setup.call('/token', form(fields))).json()) as { access_token: string }
  return { answer, claims: decodeJwt(tokens.access_token) }
}
