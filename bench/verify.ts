import { createServer } from 'node:http'
import { createTokenVerifier } from '@mcp-gateway/core'
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { allowInsecureRequests, validateJwtAccessToken } from 'oauth4webapi'
import { withVerifiedTokenCache } from '../packages/core/src/lib/tokens/verified-token-cache.js'
import { compare } from './harness.js'

const issuer = 'https://login.example.com'
const audience = 'https://mcp.example.com/notes/mcp'
const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] }

function token(index = 0): Promise<string> {
  return new SignJWT({ client_id: 'app', scope: 'notes:read notes:write', roles: ['editor'], jti: `token-${index}` })
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'one' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject('alice')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)
}

const repeated = await token()
const verifier = createTokenVerifier({ issuer, audience, jwks })
const first = createTokenVerifier({ issuer, audience, jwks, cacheSize: 0 })

await compare('Repeat verification, RS256', {
  createTokenVerifier: () => verifier.verifyAccessToken(repeated),
  'jose jwtVerify': () => jwtVerify(repeated, publicKey, { issuer, audience }),
})

const keys = createServer((_, response) =>
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(jwks)),
)
await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
const address = keys.address()
const jwksUri = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/jwks`
const server = { issuer, jwks_uri: jwksUri }
await compare('First verification, RS256, with warm keys', {
  'oauth4webapi validateJwtAccessToken': () => {
    const request = new Request(audience, { headers: { Authorization: `Bearer ${repeated}` } })
    return validateJwtAccessToken(server, request, audience, { [allowInsecureRequests]: true })
  },
  createTokenVerifier: () => first.verifyAccessToken(repeated),
})
keys.close()

let fetches = 0
const dead = createTokenVerifier({
  issuer,
  audience,
  fetch: async () => {
    fetches++
    throw new TypeError('connection refused')
  },
})
for (let index = 0; index < 20; index++) await dead.verifyAccessToken(await token(index)).catch(() => {})
console.log(`\n### A dead JWKS endpoint\n\n20 verifications made ${fetches} fetches (bound: 2)`)

// Signing a million tokens takes the afternoon, so the verification behind the cache is a stand-in here.
const distinct = withVerifiedTokenCache(async (text) => ({
  clientId: 'app',
  scopes: ['notes:read'],
  expiresAt: Date.now() / 1000 + 3600,
  resource: new URL(audience),
  extra: { issuer, subject: 'alice', roles: [], groups: [], claims: { jti: text, iss: issuer, aud: audience } },
}))
const refusing = createTokenVerifier({ issuer, audience, jwks })
const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
}
const grown = [heap()]
for (let index = 0; index < 1_000_000; index++) {
  await distinct.verifyAccessToken(`${repeated}${index}`)
  if (index === 20_000 || index === 999_999) grown.push(heap())
}
for (let index = 0; index < 1_000_000; index++) await refusing.verifyAccessToken(`${repeated}${index}`).catch(() => {})
grown.push(heap())
const [empty = 0, twentyThousand = 0, million = 0, refused = 0] = grown
console.log(`
### Memory

| Distinct tokens | heap grown by |
| --- | ---: |
| 20 000 good | ${(twentyThousand - empty).toFixed(1)} MB |
| 1 000 000 good | ${(million - empty).toFixed(1)} MB |
| 1 000 000 bad, at another verifier | ${(refused - empty).toFixed(1)} MB |`)
