import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { createPerson } from './person.js'

const redirectUri = 'http://127.0.0.1:33418/callback'

/** What the token endpoint gives. */
export interface Tokens {
  access_token: string
  refresh_token: string
}

/**
 * A client made of plain requests, which can send each to another gateway. It registers with the first one.
 *
 * @param options.path that of the server
 * @param options.name who signs in
 */
export async function registerClient(
  url: string,
  { path = '/everything/mcp', name = 'ada' }: { path?: string; name?: string } = {},
) {
  const response = await fetch(`${url}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    }),
  })
  const { client_id } = await readJson<{ client_id: string }>(response, 201)
  const verifier = randomBytes(32).toString('base64url')
  const resource = url + path
  const person = createPerson({ name })
  const post = (to: string, parameters: Record<string, string>) =>
    fetch(to, { method: 'POST', body: new URLSearchParams({ client_id, ...parameters }) })
  return {
    post,
    async logIn(): Promise<string> {
      const parameters = new URLSearchParams({
        response_type: 'code',
        client_id,
        redirect_uri: redirectUri,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        state: 'state',
        resource,
      })
      const { callback } = await person.authorize(`${url}/authorize?${parameters}`)
      return callback.searchParams.get('code') ?? ''
    },
    redeem: (gateway: string, code: string) =>
      post(`${gateway}/token`, {
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
        resource,
      }),
    refresh: (gateway: string, refreshToken: string) =>
      post(`${gateway}/token`, { grant_type: 'refresh_token', refresh_token: refreshToken }),
  }
}

/** Starts a session with the token, and says what the gateway answered. */
export async function initialize(gateway: string, token: string): Promise<number> {
  const { status, body } = await fetch(`${gateway}/everything/mcp`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'walk', version: '1.0.0' } },
    }),
  })
  await body?.cancel()
  return status
}

/** Reads an answer that has to have this status. */
export async function readJson<T>(response: Response, status: number): Promise<T> {
  const text = await response.text()
  expect(response.status, text).toBe(status)
  return JSON.parse(text) as T
}
