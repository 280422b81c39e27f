import fc from 'fast-check'
import { expect, test } from 'vitest'
import { audience, claims, compact, issuer, keySet, testKey } from '../../../test/issuer.js'
import { isPublicAddress } from '../outbound/public-address.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { challenge } from '../resource-server/challenge.js'
import { createTokenVerifier } from './create-token-verifier.js'

const key = await testKey()
const verifier = createTokenVerifier({ issuer, audience, jwks: keySet(key) })
const header = fc.oneof(
  fc.record({
    alg: fc.constantFrom('ES256', 'none', 'HS256', 'RS256'),
    kid: fc.anything(),
    typ: fc.constantFrom('at+jwt', 'JWT'),
  }),
  fc.anything(),
)
const payload = fc.oneof(
  fc.record({ iss: fc.constantFrom(issuer, 1), aud: fc.anything(), exp: fc.anything() }),
  fc.anything(),
  fc.constant(claims()),
)
const json = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? 'undefined'
  } catch {
    return String(value)
  }
}

test('[attack 127] whatever is no token of ours is refused with invalid_token, and nothing else', async () => {
  const token = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.tuple(header, payload, fc.base64String()).map(([head, body, end]) => compact(json(head), json(body), end)),
  )
  await fc.assert(
    fc.asyncProperty(token, async (text) => {
      await expect(verifier.verifyAccessToken(text)).rejects.toMatchObject({ code: 'invalid_token' })
    }),
    { numRuns: 300 },
  )
})

test('[attack 129] whatever the Authorization header holds, the answer is 400, 401 or 431', async () => {
  const guard = bearerAuth({ verifier, resource: audience })
  const value = fc.oneof(
    fc.string({ maxLength: 100 }),
    fc
      .tuple(fc.constantFrom('Bearer', 'bearer ', 'DPoP', 'Basic', ''), fc.string({ maxLength: 100 }))
      .map((parts) => parts.join(' ')),
  )
  await fc.assert(
    fc.asyncProperty(value, async (authorization) => {
      const request = new Request(audience, { headers: { Authorization: authorization } })
      const { status, headers } = await guard(request, {}, () => new Response('let through'))
      expect([400, 401, 431]).toContain(status)
      if (status !== 431) expect(headers.get('WWW-Authenticate')).toMatch(/^Bearer /)
    }),
    { numRuns: 300 },
  )
})

test('[attack 130] whatever a challenge is made of, it is one line of names and quoted values', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 })
  fc.assert(
    fc.property(text, fc.array(text), text, (description, scope, resourceMetadataUrl) => {
      const response = challenge({
        error: 'invalid_token',
        description,
        scope,
        resourceMetadataUrl,
        dpopAlgorithms: ['ES256'],
      })
      const line = response.headers.get('WWW-Authenticate')
      const parameter = '[a-z_]+="[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]*"'
      expect(line).toMatch(new RegExp(`^Bearer ${parameter}(, ${parameter})*, DPoP ${parameter}(, ${parameter})*$`))
    }),
  )
})

test('[attack 88] an IPv4 address behind a NAT64 is as public as without it, however it is written [RFC 6052]', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.constantFrom('64:ff9b::', '64:FF9B:0:0:0:0:', '0064:ff9b::0:'), (address, prefix) => {
      expect(isPublicAddress(prefix + address)).toBe(isPublicAddress(address))
    }),
  )
})

test('[attack 88] an IPv4 address inside another IPv6 one is never public, however it is written', () => {
  fc.assert(
    fc.property(
      fc.ipV4(),
      fc.constantFrom('::', '::ffff:', '64:ff9b:1::', '0:0:0:0:0:ffff:', '::ffff:0:'),
      (address, prefix) => {
        expect(isPublicAddress(prefix + address)).toBe(false)
      },
    ),
  )
})
