import {
  CompactSign,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
} from 'jose'

export const issuer = 'https://login.example.com'
export const audience = 'https://mcp.example.com/notes/mcp'

/** A key pair of an issuer that exists in this test alone. */
export interface TestKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

export async function testKey(alg = 'ES256', kid = `key-${alg}`): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

export function keySet(...keys: TestKey[]): JSONWebKeySet {
  return { keys: keys.map(({ jwk }) => jwk) }
}

/** The claims of a token that a strict verifier accepts; `undefined` removes one. */
export function claims(overrides: Record<string, unknown> = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1000)
  const all = {
    iss: issuer,
    aud: audience,
    sub: 'alice',
    client_id: 'app',
    scope: 'notes:read',
    jti: crypto.randomUUID(),
    iat: now,
    exp: now + 3600,
    ...overrides,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

export async function sign(
  key: TestKey,
  overrides: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const all = { alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header }
  const present = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims(overrides))))
    .setProtectedHeader(present as { alg: string })
    .sign(key.privateKey, {
      crit: Array.isArray(header.crit) ? Object.fromEntries(header.crit.map((c) => [c, true])) : undefined,
    })
}

/** A compact JWS of any parts, for tokens that no library would make. */
export function compact(header: unknown, payload: unknown, signature: Uint8Array | string = ''): string {
  const part = (value: unknown): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  const end = typeof signature === 'string' ? signature : Buffer.from(signature).toString('base64url')
  return `${part(header)}.${part(payload)}.${end}`
}
