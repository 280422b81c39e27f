import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { createTokenVerifier } from './create-token-verifier.js'

const issuer = 'https://login.example.com'
const audience = 'https://mcp.example.com/notes/mcp'
const { privateKey, publicKey } = await generateKeyPair('ES256')
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] }

test('accepts an RFC 9068 access token for its audience', async () => {
  const token = await new SignJWT({
    iss: issuer,
    aud: audience,
    sub: 'alice',
    client_id: 'app',
    scope: 'a b',
    jti: '1',
  })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'one' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)
  const auth = await createTokenVerifier({ issuer, audience, jwks }).verifyAccessToken(token)
  expect(auth).toMatchObject({ token, clientId: 'app', scopes: ['a', 'b'], extra: { issuer, subject: 'alice' } })
  await expect(createTokenVerifier({ issuer, audience: 'x', jwks }).verifyAccessToken(token)).rejects.toMatchObject({
    code: 'invalid_token',
  })
})
