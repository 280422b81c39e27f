import { respond } from '@mcp-gateway/core'
import { dpop } from '@mcp-gateway/core/dpop'
import { createGateway } from '@mcp-gateway/core/gateway'
import { createOutboundFetch } from '@mcp-gateway/core/outbound'
import { proxy } from '@mcp-gateway/core/proxy'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { clientCredentials } from '@mcp-gateway/core/upstream-token'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'

const issuer = 'https://login.example.com'
const resource = 'http://127.0.0.1:8787/wiki/mcp'

/**
 * A token of a foreign issuer, verified by the keys that the outbound fetch gets, bound to a key that each request
 * proves (RFC 9449), in front of a proxy that calls its upstream with a token of its own.
 */
export async function keys() {
  const signing = await generateKeyPair('ES256', { extractable: true })
  const own = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(own.publicKey)
  const places = {
    [`${issuer}/.well-known/openid-configuration`]: {
      issuer,
      jwks_uri: `${issuer}/keys`,
      token_endpoint: `${issuer}/token`,
    },
    [`${issuer}/keys`]: { keys: [{ ...(await exportJWK(signing.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] },
    [`${issuer}/token`]: { access_token: 'for-the-upstream', token_type: 'Bearer', expires_in: 60 },
    [`${issuer}/large`]: { text: 'x'.repeat(10_000) },
  }
  const asked = []
  const transport = async (url) => {
    asked.push(String(url))
    const found = places[String(url)]
    return found === undefined ? new Response(null, { status: 404 }) : Response.json(found)
  }
  const outbound = createOutboundFetch({ destinations: 'public', maxBytes: 5000, transport })
  await refuses(outbound(`${issuer}/large`))
  await refuses(outbound('http://login.example.com/keys'))

  const seen = []
  const upstream = async (_url, { headers }) => {
    seen.push(new Headers(headers).get('authorization'))
    return Response.json({ jsonrpc: '2.0', id: 1, result: {} })
  }
  const token = clientCredentials({ issuer, clientId: 'gateway', clientSecret: 'a-secret', fetch: outbound })
  const server = proxy('https://wiki.example.com/mcp', { token, fetch: upstream })
  const gateway = createGateway({
    url: 'http://127.0.0.1:8787',
    auth: { issuer, fetch: outbound },
    servers: { '/wiki/mcp': { server, dpop: dpop({ storage: memoryStorage() }) }, '/own': () => respond('{}') },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  })

  const access = await new SignJWT({ client_id: 'app', cnf: { jkt: await calculateJwkThumbprint(jwk) } })
    .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(resource)
    .setSubject('alice')
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(signing.privateKey)
  const prove = async () =>
    new SignJWT({ htm: 'POST', htu: resource, jti: crypto.randomUUID(), ath: await sha256(access) })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(own.privateKey)
  const call = async (scheme, proof) => {
    const headers = { Authorization: `${scheme} ${access}`, 'Content-Type': 'application/json' }
    if (proof !== undefined) headers.DPoP = proof
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    return (await gateway.fetch(new Request(resource, { method: 'POST', headers, body }))).status
  }
  const proof = await prove()
  const statuses = [await call('Bearer'), await call('DPoP', proof), await call('DPoP', proof)]
  statuses.push(await call('DPoP', await prove()))
  if (statuses.join() !== '401,200,401,200') throw new Error(`bound tokens were answered with ${statuses}`)
  if (seen.join() !== 'Bearer for-the-upstream,Bearer for-the-upstream') throw new Error(`the upstream saw ${seen}`)
  if (asked.filter((url) => url.endsWith('/token')).length !== 1) throw new Error(`asked for: ${asked}`)
  await gateway.close()
  return 'bound tokens, their proofs, keys by outbound fetch and an upstream with a token of its own'
}

async function refuses(pending) {
  const code = await pending.then(
    () => 'nothing',
    (error) => error.code,
  )
  if (code !== 'outbound_refused') throw new Error(`Expected a refusal and got ${code}`)
}

async function sha256(text) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  const base64 = btoa(String.fromCharCode(...new Uint8Array(digest)))
  return base64.replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')
}
