import { base64url } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { audience, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import type { TokenVerifier } from '../contract/auth-info.js'
import { SealedState } from '../eras/modern-client/sealed-state.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { createTokenVerifier } from '../tokens/create-token-verifier.js'
import { isBase64Url, isCompact, isOneSpelling } from './token-spelling.js'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Other texts that decoders read as the same token. */
function otherSpellings(token: string): [string, string][] {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const last = alphabet[alphabet.indexOf(signature.at(-1) as string) + 1] as string
  const standard = (part: string) => part.replaceAll('-', '+').replaceAll('_', '/')
  const all: [string, string][] = [
    ['padding at the end', `${token}=`],
    ['two of them', `${token}==`],
    ['padding inside', `${header}=.${payload}.${signature}`],
    ['a fourth part', `${token}.`],
  ]
  if (signature.length % 4 !== 0) {
    all.push(['left-over bits', `${header}.${payload}.${signature.slice(0, -1)}${last}`])
  }
  if (standard(token) !== token) all.push(['the other alphabet', standard(token)])
  return all
}

test('base64url is canonical exactly where encoding what was decoded gives the same text [finding 25]', () => {
  for (const length of [0, 1, 2, 3, 4, 5]) {
    for (const last of alphabet) {
      const text = `${'A'.repeat(Math.max(0, length - 1))}${length === 0 ? '' : last}`
      const again = Buffer.from(text, 'base64url').toString('base64url')
      expect([text, isBase64Url(text)]).toEqual([text, again === text])
    }
  }
  for (const text of ['QQ==', 'QQ ', 'Q Q', 'QQ\n', '+/+/', 'ä']) expect(isBase64Url(text)).toBe(false)
})

describe.each(['ES256', 'ES512', 'RS256', 'EdDSA'])('a token signed with %s', async (alg) => {
  const key = await testKey(alg)
  const token = await sign(key)
  const spellings = otherSpellings(token)

  test.each(spellings)('is refused with %s, before its signature is looked at [finding 25]', async (_, spelled) => {
    expect(isCompact(token)).toBe(true)
    expect(isCompact(spelled) && spelled.split('.').length === 3).toBe(false)
    const verify = vi.spyOn(crypto.subtle, 'verify')
    const verifier = createTokenVerifier({ issuer, audience, jwks: keySet(key) })
    await expect(verifier.verifyAccessToken(spelled)).rejects.toMatchObject({ code: 'invalid_token' })
    expect(verify).not.toHaveBeenCalled()
    verify.mockRestore()
    expect((await verifier.verifyAccessToken(token)).token).toBe(token)
  })

  test('reaches no verifier of another shape in another spelling [finding 25]', async () => {
    const seen: string[] = []
    const lenient: TokenVerifier = {
      verifyAccessToken: async (given) => {
        seen.push(given)
        return { token: given, clientId: 'app', scopes: [], expiresAt: Date.now() / 1000 + 60 }
      },
    }
    const guard = bearerAuth({ verifier: lenient, resource: audience })
    const ask = (given: string) =>
      guard(new Request(audience, { headers: { Authorization: `Bearer ${given}` } }), {}, () => new Response())
    expect((await ask(token)).status).toBe(200)
    for (const [, spelled] of spellings.filter(([how]) => how !== 'a fourth part')) {
      const response = await ask(spelled)
      // What is not even a token by RFC 6750 section 2.1 is a malformed header.
      expect([spelled, [400, 401].includes(response.status)]).toEqual([spelled, true])
    }
    expect(seen).toEqual([token])
  })
})

test.each([
  ['a line break after its bracket', '{\n  "alg": "ES256"\n}'],
  ['a tab after its bracket', '{\t"alg":"ES256"}'],
  ['a space before its bracket', ' {"alg":"ES256"}'],
  ['a line break before its bracket', '\r\n{"alg":"ES256"}'],
  ['more white space than is looked at', `${' '.repeat(100)}{"alg":"ES256"}`],
])('a token whose header has %s is one in one spelling alone [finding 25]', (_, header) => {
  const token = `${base64url.encode(header)}.${base64url.encode('{"sub":"ada"}')}.${base64url.encode('signature')}`
  expect(isOneSpelling(token)).toBe(true)
  for (const [how, spelled] of otherSpellings(token)) {
    expect([how, isOneSpelling(spelled)]).toEqual([how, how === 'a fourth part'])
  }
})

test('how an opaque token is written is the business of its verifier', () => {
  for (const token of ['opaque', 'b3BhcXVl=', 'a.b', 'at.x-_~+/', 'eyes', 'mF_9.B5f-4.1JqM']) {
    expect(isOneSpelling(token)).toBe(true)
  }
})

test('a sealed state opens in one spelling alone [finding 25]', async () => {
  const sealed = new SealedState()
  const binding = { principal: 'p', audience: 'a', digest: 'd' }
  // One of three lengths has no bits left over; the name of the call decides.
  for (const call of ['c', 'cc', 'ccc']) {
    const state = await sealed.seal({ call, round: 1 }, binding, 60)
    expect(await sealed.open(state, binding)).toMatchObject({ call })
    const bytes = base64url.decode(state)
    for (const last of alphabet) {
      const spelled = state.slice(0, -1) + last
      if (spelled === state || Buffer.compare(base64url.decode(spelled), bytes) !== 0) continue
      expect(await sealed.open(spelled, binding)).toBeUndefined()
    }
    expect(await sealed.open(`${state}=`, binding)).toBeUndefined()
  }
})
