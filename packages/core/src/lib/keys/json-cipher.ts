import { base64url, CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import { GatewayError } from '../gateway-error.js'

/** Turns an object with secrets in it into what is stored, and back. */
export interface JsonCipher<T extends object> {
  /** Whether this may come from `seal`: with keys, nothing in plain does, whoever wrote it. */
  isSealed(stored: string): boolean
  seal(value: T): Promise<string>
  open(stored: string): Promise<T>
}

/**
 * AES-256-GCM in a JWE. The first key encrypts, every key decrypts, so that a key can be replaced by putting the new
 * one in front. Without keys the object is stored as it is; `open` reads that with keys too, so that they can be added
 * later, and who does not want it asks `isSealed` first.
 *
 * @param what what is stored, for the error that says that a key is missing
 */
export function createJsonCipher<T extends object>(encryptionKeys: readonly string[], what: string): JsonCipher<T> {
  const keys = encryptionKeys.map((text, index) => ({ id: '', bytes: decodeKey(text, index) }))
  const identified = Promise.all(keys.map(async (key) => ({ ...key, id: await keyId(key.bytes) })))
  return {
    isSealed: (stored) => keys.length === 0 || !stored.startsWith('{'),
    async seal(value) {
      const [first] = await identified
      const plain = JSON.stringify(value)
      if (!first) return plain
      return new CompactEncrypt(new TextEncoder().encode(plain))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: first.id })
        .encrypt(first.bytes)
    },
    async open(stored) {
      if (stored.startsWith('{')) return JSON.parse(stored) as T
      const { kid } = decodeProtectedHeader(stored)
      const key = (await identified).find(({ id }) => id === kid)
      if (!key) {
        throw new GatewayError(
          'invalid_configuration',
          `A stored ${what} is encrypted with a key that \`encryptionKeys\` does not hold: keep the old key in the list, after the new one`,
        )
      }
      const { plaintext } = await compactDecrypt(stored, key.bytes)
      return JSON.parse(new TextDecoder().decode(plaintext)) as T
    },
  }
}

function decodeKey(text: string, index: number): Uint8Array {
  let bytes: Uint8Array | undefined
  try {
    bytes = base64url.decode(text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''))
  } catch {}
  if (bytes?.length !== 32) {
    throw new GatewayError(
      'invalid_configuration',
      `encryptionKeys[${index}] must be 32 random bytes in base64 or base64url, such as the output of: openssl rand -base64 32`,
    )
  }
  return bytes
}

async function keyId(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return base64url.encode(new Uint8Array(digest).subarray(0, 6))
}
