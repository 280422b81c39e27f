import { afterEach, describe, expect, test, vi } from 'vitest'
import { audience, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import type { AuthInfo, TokenVerifier } from '../contract/auth-info.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Context } from '../contract/handler.js'
import { createTokenVerifier } from '../tokens/create-token-verifier.js'
import { type BearerAuthOptions, bearerAuth } from './bearer-auth.js'

const key = await testKey()
const metadataUrl = 'https://mcp.example.com/.well-known/oauth-protected-resource/notes/mcp'
const strict = createTokenVerifier({ issuer, audience, jwks: keySet(key) })

interface Answer {
  readonly status: number
  readonly challenge: string | null
  readonly body: { readonly error?: string; readonly error_description?: string }
  readonly headers: Headers
  /** What the handler behind saw. */
  readonly seen?: Context
}

async function ask(
  authorization: string | undefined,
  options: Partial<BearerAuthOptions> = {},
  { url = audience, init = {}, context = {} }: { url?: string; init?: RequestInit; context?: Context } = {},
): Promise<Answer> {
  let seen: Context | undefined
  const headers = new Headers(init.headers)
  if (authorization !== undefined) headers.set('Authorization', authorization)
  const response = await bearerAuth({ verifier: strict, resource: audience, ...options })(
    new Request(url, { ...init, headers }),
    context,
    (_, inner) => {
      seen = inner
      return new Response('{}')
    },
  )
  const body = await response.json()
  return {
    status: response.status,
    challenge: response.headers.get('WWW-Authenticate'),
    body,
    headers: response.headers,
    seen,
  }
}

const verifierOf = (verifyAccessToken: (token: string) => unknown): TokenVerifier => ({
  verifyAccessToken: async (token) => verifyAccessToken(token) as AuthInfo,
})
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600

afterEach(() => void vi.useRealTimers())

test('lets a good token through and tells those behind about it', async () => {
  const token = await sign(key)
  const { status, seen } = await ask(`Bearer ${token}`, {}, { context: { requestId: 'r' } })
  expect(status).toBe(200)
  expect(seen).toMatchObject({ requestId: 'r', resource: audience, auth: { token, clientId: 'app' } })
})

describe('without a token', () => {
  test('[attack 130, R1, R2] answers a bare challenge with the metadata and the scopes', async () => {
    const { status, challenge, body, headers } = await ask(undefined, { requiredScopes: ['notes:read', 'notes:list'] })
    expect(status).toBe(401)
    expect(challenge).toBe(`Bearer scope="notes:read notes:list", resource_metadata="${metadataUrl}"`)
    expect(body).toMatchObject({ error: 'unauthorized', error_description: expect.any(String) })
    expect(headers.get('Content-Type')).toBe('application/json')
    expect(headers.get('Cache-Control')).toBe('no-store')
  })

  test('[attack 8, R2] names the supported scopes where none is required, but never offline_access', async () => {
    const first = await ask(undefined, { scopesSupported: ['notes:read', 'offline_access'] })
    expect(first.challenge).toContain('scope="notes:read"')
    const second = await ask(undefined, { scopesSupported: ['offline_access'] })
    expect(second.challenge).toBe(`Bearer resource_metadata="${metadataUrl}"`)
  })

  test('names no scope where there is none, and the metadata where it was configured', async () => {
    const { challenge } = await ask(undefined, { resourceMetadataUrl: 'https://mcp.example.com/metadata' })
    expect(challenge).toBe('Bearer resource_metadata="https://mcp.example.com/metadata"')
  })

  test.each(['Basic YTpi', 'Digest username="a"', 'Negotiate x', 'DPoP abc', 'Bearerx abc'])(
    '[attack 129] another scheme is no credential here: %s',
    async (authorization) => {
      const { status, challenge } = await ask(authorization)
      expect(status).toBe(401)
      expect(challenge).not.toContain('error=')
    },
  )

  test('[attack 129] where DPoP is off, who uses its scheme is told the one that is accepted', async () => {
    const { challenge, body } = await ask('DPoP abc')
    expect(challenge).toMatch(/^Bearer (?!.*DPoP)/)
    expect(body).toMatchObject({ error: 'unauthorized', error_description: expect.stringContaining('scheme Bearer') })
  })

  test('[attack 129] an empty header is none', async () => {
    expect((await ask('')).status).toBe(401)
    expect((await ask('   ')).challenge).not.toContain('error=')
  })
})

describe('where the token is', () => {
  test('[attack 128, R5] one in the URL is not accepted, and the answer says where it belongs', async () => {
    const token = await sign(key)
    const { status, body, challenge, seen } = await ask(undefined, {}, { url: `${audience}?access_token=${token}` })
    expect(status).toBe(401)
    expect(body.error_description).toContain('Authorization header')
    expect(JSON.stringify(body) + challenge).not.toContain(token)
    expect(seen).toBeUndefined()
  })

  test('[attack 128, R5] one in the body is not accepted, and the body is not read', async () => {
    const init = {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: `access_token=${await sign(key)}`,
    }
    expect((await ask(undefined, {}, { init })).status).toBe(401)
  })

  test('[attack 128] a cookie is not looked at', async () => {
    expect(
      (await ask(undefined, {}, { init: { headers: { Cookie: `access_token=${await sign(key)}` } } })).status,
    ).toBe(401)
  })

  test.each(['bearer', 'BEARER', 'Bearer ', 'Bearer   '])(
    '[attack 129] the scheme "%s" is read as RFC 9110 says',
    async (scheme) => {
      expect((await ask(`${scheme} ${await sign(key)}`)).status).toBe(200)
    },
  )

  test.each([
    ['no token', 'Bearer'],
    ['two headers in one', 'Bearer abc, Bearer def'],
    ['two schemes in one', 'Bearer abc, Basic def'],
    ['two words', 'Bearer abc def'],
    ['a tab', 'Bearer\tabc'],
    ['quotes', 'Bearer "abc"'],
    ['a parameter', 'Bearer token=abc&x'],
    ['other characters', 'Bearer ab\u00e9c'],
    ['padding within', 'Bearer ab=c'],
    ['no scheme', '"abc" def'],
  ])('[attack 129, R7] a malformed header is 400: %s', async (_, authorization) => {
    const { status, challenge, body } = await ask(authorization)
    expect(status).toBe(400)
    expect(body.error).toBe('invalid_request')
    expect(challenge).toMatch(/^Bearer error="invalid_request", /)
    expect(challenge).toContain(`resource_metadata="${metadataUrl}"`)
  })

  test('[attack 129] two headers are malformed, also when both are good', async () => {
    const token = await sign(key)
    const headers = new Headers([
      ['Authorization', `Bearer ${token}`],
      ['Authorization', `Bearer ${token}`],
    ])
    expect((await ask(undefined, {}, { init: { headers } })).status).toBe(400)
  })

  test('[attack 129] a header of 20 KB is 431, at no cost', async () => {
    const verifier = verifierOf(() => expect.unreachable())
    const { status, body } = await ask(`Bearer ${'x'.repeat(20_000)}`, { verifier })
    expect(status).toBe(431)
    expect(body.error).toBe('invalid_request')
  })
})

describe('what the token is', () => {
  test('[attack 130, R3] a bad token is invalid_token, and why is not told', async () => {
    const { status, challenge, body } = await ask(
      `Bearer ${await sign(key, { aud: 'https://mcp.example.com/files/mcp' })}`,
    )
    expect(status).toBe(401)
    expect(challenge).toBe(
      `Bearer error="invalid_token", error_description="The access token is not valid for this resource", resource_metadata="${metadataUrl}"`,
    )
    expect(JSON.stringify(body)).not.toContain('files')
  })

  test('[attack 130] there is one line, Bearer is first, and what is not ASCII or quoted is made harmless', async () => {
    const { challenge } = await ask(`Bearer ${await sign(key)}`, { requiredScopes: ['a"\\b\u00e9\u2028\u0007c'] })
    expect(challenge).toContain(`scope="a''bc"`)
    expect(challenge).toMatch(/^Bearer [\x20-\x7e]*$/)
    expect(challenge?.match(/Bearer/g)).toHaveLength(1)
  })

  test('[attack 131, R3, R4] a missing scope is 403 with all scopes of the server', async () => {
    const { status, challenge, body } = await ask(`Bearer ${await sign(key, { scope: 'notes:read' })}`, {
      requiredScopes: ['notes:read', 'notes:write'],
      scopesSupported: ['notes:read', 'notes:write', 'notes:admin'],
    })
    expect(status).toBe(403)
    expect(challenge).toBe(
      `Bearer error="insufficient_scope", error_description="The access token lacks a scope that this operation needs", ` +
        `scope="notes:read notes:write", resource_metadata="${metadataUrl}"`,
    )
    expect(body.error).toBe('insufficient_scope')
  })

  test('[attack 131] an expired token that lacks a scope as well is 401', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const token = await sign(key, { scope: '' })
    const expiresAt = inAnHour()
    const options = { requiredScopes: ['notes:read'] }
    expect((await ask(`Bearer ${token}`, options)).status).toBe(403)
    vi.setSystemTime(Date.now() + 3_610_000)
    expect((await ask(`Bearer ${token}`, options)).status).toBe(401)
    // Also where the verifier does not look at the time.
    const verifier = verifierOf((it) => ({ token: it, clientId: 'app', scopes: [], expiresAt }))
    expect((await ask(`Bearer ${token}`, { ...options, verifier })).status).toBe(401)
  })

  test('[R4] a broader scope includes the narrower ones, to any depth and without end', async () => {
    const scopeHierarchy = {
      'notes:admin': ['notes:write'],
      'notes:write': ['notes:read'],
      'notes:read': ['notes:admin'],
    }
    const options = { requiredScopes: ['notes:read'], scopeHierarchy }
    expect((await ask(`Bearer ${await sign(key, { scope: 'notes:admin' })}`, options)).status).toBe(200)
    expect((await ask(`Bearer ${await sign(key, { scope: 'files:admin __proto__' })}`, options)).status).toBe(403)
    const flat = { requiredScopes: ['notes:read'], scopeHierarchy: { 'notes:admin': ['notes:write'] } }
    expect((await ask(`Bearer ${await sign(key, { scope: 'notes:admin' })}`, flat)).status).toBe(403)
  })
})

describe('any verifier of the SDK shape', () => {
  const good = (token: string) => ({ token, clientId: 'app', scopes: ['notes:read'], expiresAt: inAnHour() })

  test('is asked for exactly the token', async () => {
    const verifyAccessToken = vi.fn(good)
    expect((await ask('Bearer abc.def', { verifier: verifierOf(verifyAccessToken) })).status).toBe(200)
    expect(verifyAccessToken.mock.calls).toEqual([['abc.def']])
  })

  test.each([
    ['an error', () => new Error('database password is hunter2')],
    ['a text', () => 'no'],
    ['nothing', () => undefined],
    ['a coded error', () => Object.assign(new Error('x'), { code: 'invalid_token' })],
    ['an unknown code', () => Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
  ])('what throws %s refuses the token', async (_, thrown) => {
    const verifier = verifierOf(() => {
      throw thrown()
    })
    const { status, body, challenge } = await ask('Bearer abc', { verifier })
    expect([status, body.error]).toEqual([401, 'invalid_token'])
    expect(JSON.stringify(body) + challenge).not.toContain('hunter2')
  })

  test.each([undefined, Number.NaN, '9999999999', null, 0])('an expiry of %o refuses the token', async (expiresAt) => {
    const verifier = verifierOf((token) => ({ ...good(token), expiresAt }))
    expect((await ask('Bearer abc', { verifier })).status).toBe(401)
  })

  test('an answer that is none refuses the token', async () => {
    for (const answer of [undefined, null]) {
      expect((await ask('Bearer abc', { verifier: verifierOf(() => answer) })).status).toBe(401)
    }
  })

  test.each(['temporarily_unavailable', 'server_error'])('an outage (%s) is 503, not a refused token', async (code) => {
    for (const error of [{ code }, { errorCode: code }]) {
      const verifier = verifierOf(() => {
        throw Object.assign(new Error('redis://secret@10.0.0.1 is down'), error)
      })
      const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
      const answer = await ask('Bearer abc', { verifier }, { context: { logger } })
      expect([answer.status, answer.body.error]).toEqual([503, 'temporarily_unavailable'])
      expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0)
      expect(answer.challenge).toBeNull()
      expect(JSON.stringify(answer.body)).not.toContain('10.0.0.1')
      expect(logger.error).toHaveBeenCalledTimes(1)
    }
  })

  test('insufficient_scope from a verifier is 403', async () => {
    const verifier = verifierOf(() => {
      throw new GatewayError('insufficient_scope', 'no')
    })
    expect((await ask('Bearer abc', { verifier })).status).toBe(403)
  })

  test('a token that says it is bound to a key is refused without its proof', async () => {
    const verifier = verifierOf((token) => ({ ...good(token), extra: { claims: { cnf: { jkt: 'x' } } } }))
    expect((await ask('Bearer abc', { verifier })).status).toBe(401)
  })
})

test('a resource that is none is refused at construction', () => {
  for (const resource of ['notes', '/notes/mcp', 'ftp://x/', 'https://h/#x', 'https://a:b@h/']) {
    expect(() => bearerAuth({ verifier: strict, resource })).toThrow(/resource/)
  }
})
