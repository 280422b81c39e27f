import { expect, test, vi } from 'vitest'
import { audience, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import { GatewayError } from '../contract/gateway-error.js'
import { anyVerifier } from './any-verifier.js'
import { createTokenVerifier } from './create-token-verifier.js'

const [mine, theirs] = [await testKey('ES256', 'mine'), await testKey('ES256', 'theirs')]
const partner = 'https://partner.example.net'
const fails = (code: 'temporarily_unavailable' | 'invalid_token') => ({
  verifyAccessToken: vi.fn(() => Promise.reject(new GatewayError(code, 'no'))),
})

test('tokens of two issuers work, those of a third do not', async () => {
  const verifier = anyVerifier([
    createTokenVerifier({ issuer, audience, jwks: keySet(mine) }),
    createTokenVerifier({ issuer: partner, audience, jwks: keySet(theirs) }),
  ])
  expect((await verifier.verifyAccessToken(await sign(mine))).extra).toMatchObject({ issuer })
  expect((await verifier.verifyAccessToken(await sign(theirs, { iss: partner }))).extra).toMatchObject({
    issuer: partner,
  })
  for (const token of [
    await sign(mine, { iss: partner }),
    await sign(theirs),
    await sign(mine, { iss: 'https://third.example' }),
    'opaque',
  ]) {
    await expect(verifier.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
  }
})

test("an issuer that is down does not stop the others' tokens, and is asked nothing about them", async () => {
  const fetch = vi.fn(() => Promise.reject(new TypeError('down')))
  const verifier = anyVerifier([
    createTokenVerifier({ issuer, audience, fetch }),
    createTokenVerifier({ issuer: partner, audience, jwks: keySet(theirs) }),
  ])
  await verifier.verifyAccessToken(await sign(theirs, { iss: partner }))
  expect(fetch).not.toHaveBeenCalled()
  await expect(verifier.verifyAccessToken(await sign(mine))).rejects.toMatchObject({ code: 'temporarily_unavailable' })
})

test('that one could not tell outweighs that another refused', async () => {
  for (const verifiers of [
    [fails('temporarily_unavailable'), fails('invalid_token')],
    [fails('invalid_token'), fails('temporarily_unavailable')],
  ]) {
    await expect(anyVerifier(verifiers).verifyAccessToken('x')).rejects.toMatchObject({
      code: 'temporarily_unavailable',
    })
  }
})

test('the proof of a key, and what is known of the request, reach each of them', async () => {
  const verifier = fails('invalid_token')
  await anyVerifier([verifier, verifier])
    .verifyAccessToken('x', { jkt: 'k' }, { address: '192.0.2.1' })
    .catch(() => {})
  expect(verifier.verifyAccessToken.mock.calls).toEqual([
    ['x', { jkt: 'k' }, { address: '192.0.2.1' }],
    ['x', { jkt: 'k' }, { address: '192.0.2.1' }],
  ])
})

test('no verifier is no configuration', () => {
  expect(() => anyVerifier([])).toThrow(/at least one/)
})
