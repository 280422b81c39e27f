import { expect, test } from 'vitest'
import { audience, claims, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import { createGateway } from '../gateway/create-gateway.js'
import { createLogger } from '../logging/create-logger.js'
import { anyVerifier } from './any-verifier.js'
import { createTokenVerifier } from './create-token-verifier.js'

const key = await testKey()
const rsa = await testKey('RS256')
const other = await testKey('ES256', 'other')
const verifier = createTokenVerifier({ issuer, audience, jwks: keySet(key), algorithms: ['ES256'] })
const now = () => Math.floor(Date.now() / 1000)

async function refusalOf(token: string, by = verifier): Promise<Error> {
  return by.verifyAccessToken(token).then(
    () => {
      throw new Error('It was accepted')
    },
    (error: Error) => error,
  )
}

test.each<[string, () => Promise<string>, string, unknown]>([
  [
    'audience',
    () => sign(key, { aud: 'https://other.example/mcp' }),
    'is for another audience',
    { seen: 'https://other.example/mcp', expected: [audience] },
  ],
  [
    'issuer',
    () => sign(key, { iss: `${issuer}/` }),
    'is from another issuer',
    { seen: `${issuer}/`, expected: [issuer] },
  ],
  ['expiry', () => sign(key, { exp: 1000 }), 'has expired', { seen: 1000, expected: expect.any(Number) }],
  ['start', () => sign(key, { nbf: now() + 1000 }), 'is not valid yet', { seen: expect.any(Number) }],
  ['date of issue', () => sign(key, { iat: undefined }), 'was not issued before now', { seen: undefined }],
  ['algorithm', () => sign(rsa), 'has another alg', { seen: 'RS256', expected: ['ES256'] }],
  ['type', () => sign(key, {}, { typ: 'JWT' }), 'has another typ', { seen: 'JWT', expected: ['at+jwt'] }],
  ['key id', () => sign(other), 'has a kid that its issuer does not have', { seen: 'other' }],
  ['signature', () => sign(other, {}, { kid: key.kid }), 'has a bad signature', expect.any(Error)],
])('a token with the wrong %s is refused with what was seen and what was expected', async (_what, make, why, cause) => {
  const refusal = await refusalOf(await make())
  expect(refusal).toMatchObject({ code: 'invalid_token', message: `The token ${why}` })
  expect(refusal.cause).toEqual(
    cause instanceof Object && 'seen' in cause ? expect.objectContaining(cause as object) : cause,
  )
})

test('of several verifiers each says why it refused', async () => {
  const partner = createTokenVerifier({ issuer: 'https://partner.example.net', audience, jwks: keySet(other) })
  const refusal = await refusalOf(await sign(key, { exp: 1000 }), anyVerifier([verifier, partner]))
  expect(refusal.cause).toMatchObject([
    { message: 'The token has expired' },
    { message: 'The token is from another issuer', cause: { expected: ['https://partner.example.net'] } },
  ])
})

test('what a token says is never in the message, which may reach a client', async () => {
  const refusal = await refusalOf(await sign(key, { aud: 'https://secret.example/mcp' }))
  expect(refusal.message).not.toContain('secret')
  expect(JSON.stringify(claims())).not.toContain('secret')
})

test('why a token was refused is in the line of the log, and never in the answer', async () => {
  const lines: Record<string, unknown>[] = []
  const gateway = createGateway({
    url: 'https://mcp.example.com',
    auth: { issuer, jwks: keySet(key), algorithms: ['ES256'] },
    servers: { '/notes/mcp': () => new Response() },
    logger: createLogger({ write: (line) => void lines.push(JSON.parse(line)) }),
  })
  const ask = async (token: string) => {
    const headers = { Authorization: `Bearer ${token}` }
    const response = await gateway.fetch(new Request('https://mcp.example.com/notes/mcp', { headers }))
    return [lines.at(-1), response.headers.get('www-authenticate') + (await response.text())] as const
  }
  const answers = new Set<string>()
  for (const [token, fields] of [
    [await sign(key, { aud: 'https://a.example' }), { seen: 'https://a.example', expected: [audience, 'number'] }],
    [await sign(key, { iss: 'https://b.example' }), { seen: 'https://b.example', expected: [issuer] }],
    [await sign(key, { exp: 1000 }), { seen: 1000, expected: expect.any(Number) }],
    [await sign(rsa), { seen: 'RS256', expected: ['ES256'] }],
    [await sign(other), { seen: 'other' }],
    [await sign(other, {}, { kid: key.kid }), { cause: expect.any(String) }],
    [await sign(key, { aud: [{ a: 'deep' }, ['x'], `https://a.example/?token=${'s'.repeat(20)}1`] }), {}],
  ] as const) {
    const [line, answer] = await ask(token)
    const expected = 'expected' in fields && Array.isArray(fields.expected) ? fields.expected[0] : undefined
    expect(line).toMatchObject({
      decision: 'deny',
      error_code: 'invalid_token',
      refused_by: 'bearerAuth',
      reason: expect.stringMatching(/^The token /),
      ...fields,
      ...(expected !== undefined && { expected: [expected] }),
    })
    answers.add(answer)
  }
  expect(answers.size).toBe(1)
  expect(JSON.stringify(lines)).not.toContain('s'.repeat(20))
})
