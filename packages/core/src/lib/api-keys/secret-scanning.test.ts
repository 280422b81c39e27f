import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Storage } from '../contract/storage.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { type ApiKeys, createApiKeys } from './create-api-keys.js'
import { toRawSignature } from './ecdsa-signature.js'
import { keyFormat } from './key-format.js'
import { type LeakedKey, secretScanning } from './secret-scanning.js'

const keysUrl = 'https://scanner.example.com/keys'
const where = 'https://code.example.com/octocat/Hello-World/blob/1234560/foo/bar.txt'
const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

let storage: Storage
let keys: ApiKeys
let leaks: LeakedKey[]
let published: Record<string, KeyObject>
let fetched: number
let isDown: boolean
let signing: ReturnType<typeof pair>

beforeEach(() => {
  storage = memoryStorage()
  keys = createApiKeys({ storage })
  leaks = []
  signing = pair()
  published = { one: signing.publicKey }
  fetched = 0
  isDown = false
})

const scanner = () =>
  secretScanning({
    keys,
    keysUrl,
    onLeak: (leak) => leaks.push(leak),
    fetch: async (url) => {
      expect(url).toBe(keysUrl)
      fetched++
      if (isDown) throw new TypeError('down')
      const list = Object.entries(published).map(([id, key]) => ({
        key_identifier: id,
        key: key.export({ type: 'spki', format: 'pem' }),
        is_current: true,
      }))
      return Response.json({ public_keys: list })
    },
  })

function report(
  body: unknown,
  { by = signing.privateKey, id = 'one', sent = undefined as string | undefined } = {},
): Request {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const signature = createSign('SHA256').update(text).sign(by).toString('base64')
  return new Request('https://mcp.example.com/secret-scanning', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Github-Public-Key-Identifier': id,
      'Github-Public-Key-Signature': signature,
    },
    body: sent ?? text,
  })
}
const found = (token: string) => ({ token, type: 'mcp_gateway_api_key', url: where, source: 'content' })
const create = () => keys.create({ owner: { serviceAccount: 'robot' }, name: 'a' })

describe('a signed report', () => {
  test('revokes keys of ours, and says which were', async () => {
    const { key, apiKey } = await create()
    const others = [keyFormat('mcpg').make().key, keyFormat('mcpg').make(apiKey.id).key, 'NMIfyYncKcRALEXAMPLE']
    const response = await scanner().fetch(report([key, ...others].map(found)))
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    const hash = (token: string) => createHash('sha256').update(token).digest('hex')
    expect(await response.json()).toEqual([
      { token_hash: hash(key), token_type: 'mcp_gateway_api_key', label: 'true_positive' },
      ...others.map((token) => ({
        token_hash: hash(token),
        token_type: 'mcp_gateway_api_key',
        label: 'false_positive',
      })),
    ])
    expect(await keys.get(apiKey.id)).toMatchObject({
      revokedBy: 'secret scanning',
      revokedBecause: `found in public: ${where}`,
    })
    expect(leaks).toEqual([{ apiKey: expect.objectContaining({ id: apiKey.id }), url: where, source: 'content' }])
  })

  test('reads the storage only for what can be a key', async () => {
    const get = vi.spyOn(storage, 'get')
    await scanner().fetch(report(Array.from({ length: 1000 }, (_, index) => found(`mcpg_${index}`))))
    expect(get).not.toHaveBeenCalled()
  })

  test('is good by a key that the scanner has added since, which is asked for once', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const handler = scanner()
    expect((await handler.fetch(report([]))).status).toBe(200)
    const next = pair()
    published = { two: next.publicKey }
    vi.setSystemTime(Date.now() + 31_000)
    expect((await handler.fetch(report([], { by: next.privateKey, id: 'two' }))).status).toBe(200)
    expect((await handler.fetch(report([]))).status).toBe(401)
    for (let index = 0; index < 10; index++) {
      expect((await handler.fetch(report([], { id: `unknown${index}` }))).status).toBe(401)
    }
    expect(fetched).toBe(2)
    vi.useRealTimers()
  })

  test('is worked off though onLeak fails', async () => {
    const { key, apiKey } = await create()
    const handler = secretScanning({
      keys,
      onLeak: () => Promise.reject(new Error('mail is down')),
      fetch: async () =>
        Response.json({
          public_keys: [{ key_identifier: 'one', key: signing.publicKey.export({ type: 'spki', format: 'pem' }) }],
        }),
    })
    expect((await handler.fetch(report([found(key)]))).status).toBe(200)
    expect(await keys.get(apiKey.id)).toHaveProperty('revokedAt')
  })
})

describe('what is not signed by the scanner revokes nothing', () => {
  test.each([
    ['by a key of somebody else', (token: string) => report([found(token)], { by: pair().privateKey })],
    ['for another body', (token: string) => report([], { sent: JSON.stringify([found(token)]) })],
    [
      'for the same JSON, written in another way',
      (token: string) => report([found(token)], { sent: JSON.stringify([found(token)], null, 1) }),
    ],
    ['by an unknown key', (token: string) => report([found(token)], { id: 'zero' })],
    ['by a key that objects have', (token: string) => report([found(token)], { id: '__proto__' })],
    [
      'at all',
      (token: string) =>
        new Request('https://mcp.example.com/', { method: 'POST', body: JSON.stringify([found(token)]) }),
    ],
  ])('%s', async (_, make) => {
    const { key, apiKey } = await create()
    const response = await scanner().fetch(make(key))
    expect(response.status).toBe(401)
    expect(await keys.get(apiKey.id)).not.toHaveProperty('revokedAt')
    expect(leaks).toEqual([])
  })

  test.each(['', 'AAAA', 'not base64!', 'MAYCAQECAQE=', 'A'.repeat(10_000)])(
    'with the signature %j',
    async (signature) => {
      const request = report([])
      request.headers.set('Github-Public-Key-Signature', signature)
      expect((await scanner().fetch(request)).status).toBe(401)
    },
  )
})

test.each([
  ['is no JSON', 'token=1', 400],
  ['is no list', {}, 400],
  ['has something else in it', [7], 400],
  ['has no token', [{ type: 'a' }], 400],
  ['is too long', `[${' '.repeat(1_100_000)}]`, 413],
  ['has too many', Array.from({ length: 5001 }, () => found('a')), 400],
])('a report that %s is refused', async (_, body, status) => {
  expect((await scanner().fetch(report(body))).status).toBe(status)
})

test('a report comes again where the storage or the keys of the scanner cannot be had', async () => {
  const { key } = await create()
  isDown = true
  const handler = scanner()
  expect((await handler.fetch(report([]))).status).toBe(503)
  isDown = false
  vi.spyOn(storage, 'get').mockRejectedValue(Object.assign(new Error('down'), { code: 'temporarily_unavailable' }))
  const response = await scanner().fetch(report([found(key)]))
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('30')
})

test('a report is sent with POST', async () => {
  expect((await scanner().fetch(new Request('https://mcp.example.com/'))).status).toBe(405)
})

test("GitHub's own example of a signature verifies", async () => {
  const key = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP
HzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==
-----END PUBLIC KEY-----`
  const id = 'f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d'
  const handler = secretScanning({
    keys,
    fetch: async (url) => {
      expect(url).toBe('https://api.github.com/meta/public_keys/secret_scanning')
      return Response.json({ public_keys: [{ key_identifier: id, key, is_current: true }] })
    },
  })
  const response = await handler.fetch(
    new Request('https://mcp.example.com/', {
      method: 'POST',
      headers: {
        'GITHUB-PUBLIC-KEY-IDENTIFIER': id,
        'GITHUB-PUBLIC-KEY-SIGNATURE':
          'MEUCIFLZzeK++IhS+y276SRk2Pe5LfDrfvTXu6iwKKcFGCrvAiEAhHN2kDOhy2I6eGkOFmxNkOJ+L2y8oQ9A2T9GGJo6WJY=',
      },
      body: '[{"token":"some_token","type":"some_type","url":"some_url","source":"some_source"}]',
    }),
  )
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual([expect.objectContaining({ token_type: 'some_type', label: 'false_positive' })])
})

test('the numbers of a signature are found in every length that they can have', () => {
  const { privateKey, publicKey } = pair()
  for (let index = 0; index < 200; index++) {
    const der = createSign('SHA256').update(`${index}`).sign(privateKey)
    const raw = createSign('SHA256').update(`${index}`).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' })
    expect(toRawSignature(der)).toHaveLength(raw.length)
    expect(toRawSignature(der.subarray(0, -1))).toBeUndefined()
    expect(toRawSignature(Buffer.concat([der, Buffer.from([0])]))).toBeUndefined()
  }
  expect(publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
  for (const bad of [[], [0x30], [0x30, 0], [0x30, 2, 2, 0], [0x31, 6, 2, 1, 1, 2, 1, 1]]) {
    expect(toRawSignature(Uint8Array.from(bad))).toBeUndefined()
  }
})
