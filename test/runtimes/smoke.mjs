import { createGateway } from '@mcp-gateway/core/gateway'
import { createLogger } from '@mcp-gateway/core/logging'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { logIn } from '../../scripts/log-in.mjs'

const url = 'http://127.0.0.1:8787'
const resource = `${url}/notes/mcp`

/**
 * Walks from the 401 to a tool call, and asks the forward-auth endpoint, with nothing but web standards: every request
 * is a function call. Runs unchanged on each runtime. Throws where something is wrong, and returns what was seen.
 */
export async function smoke() {
  const auth = createAuthorizationServer({
    issuer: url,
    storage: memoryStorage(),
    identityProvider: devLogin(),
    // Only Node can pin addresses itself. Nothing is fetched here.
    transport: fetch,
  })
  const gateway = createGateway({
    url,
    auth,
    servers: { '/notes/mcp': notes },
    logger: createLogger({ level: 'warn' }),
  })
  const call = (path, init) => gateway.fetch(new Request(new URL(path, url), init))

  const refused = await call(resource, { method: 'POST', ...message({ token: 'none' }) })
  equal(refused.status, 401)
  const metadata = await json(
    await call(refused.headers.get('WWW-Authenticate').match(/resource_metadata="([^"]+)"/)[1]),
  )
  equal(metadata.resource, resource)
  const server = await json(await call(`${metadata.authorization_servers[0]}/.well-known/oauth-authorization-server`))

  const redirect = 'http://127.0.0.1:9999/callback'
  const registration = { redirect_uris: [redirect], token_endpoint_auth_method: 'none', client_name: 'Smoke' }
  const { client_id } = await json(
    await call(server.registration_endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(registration),
    }),
  )
  const verifier = 'a'.repeat(64)
  const request = new URL(server.authorization_endpoint)
  request.search = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: redirect,
    code_challenge: await challenge(verifier),
    code_challenge_method: 'S256',
    resource,
    state: 'smoke',
  })
  const callback = new URL(await logIn(request.href, 'alice', call))
  equal(callback.searchParams.get('iss'), url)
  const tokens = await json(
    await call(server.token_endpoint, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code'),
        redirect_uri: redirect,
        client_id,
        code_verifier: verifier,
        resource,
      }),
    }),
  )

  const answer = await json(await call(resource, { method: 'POST', ...message({ token: tokens.access_token }) }))
  equal(answer.result.clientId, client_id)

  const forwardAuth = createForwardAuth({ url, auth, dialect: 'forwarded', servers: { '/notes/mcp': {} } })
  const asked = await forwardAuth.fetch(
    new Request(`${url}/auth`, {
      headers: {
        Authorization: `Bearer ${tokens.access_token}`,
        'X-Forwarded-Method': 'POST',
        'X-Forwarded-Proto': 'http',
        'X-Forwarded-Host': '127.0.0.1:8787',
        'X-Forwarded-Uri': '/notes/mcp',
      },
    }),
  )
  equal(asked.status, 200)
  await gateway.close?.()
  return `challenge, metadata, registration, login, token, call and forward-auth for ${asked.headers.get('X-User-Id')}`
}

/** A server of MCP messages that says who called. */
function notes(_request, { auth, message }) {
  return Response.json({
    jsonrpc: '2.0',
    id: JSON.parse(new TextDecoder().decode(message.bytes)).id,
    result: { clientId: auth.clientId },
  })
}

function message({ token }) {
  return {
    headers: {
      Authorization: `Bearer ${token}`,
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      'MCP-Protocol-Version': '2025-11-25',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  }
}

async function json(response) {
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status}: ${text}`)
  return JSON.parse(text)
}

async function challenge(verifier) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  const base64 = btoa(String.fromCharCode(...new Uint8Array(digest)))
  return base64.replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')
}

function equal(actual, expected) {
  if (actual !== expected) throw new Error(`Expected ${JSON.stringify(expected)} and got ${JSON.stringify(actual)}`)
}
