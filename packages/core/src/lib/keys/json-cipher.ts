import { base64url, CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import { invalidConfiguration } from '../contract/invalid-configuration.js'

/** Turns an object with secrets in it into what is stored, and back. */
export interface JsonCipher<T extends object> {
  /** Encrypts a value for one place: the key of its record, or the name of its cookie. */
  seal(value: T, name: string): Promise<string>
  /**
   * The value that was sealed for this place. `undefined` for everything else: what is plain although there are keys,
   * was changed, was moved from another place, or was sealed for another purpose.
   *
   * @throws {GatewayError} `invalid_configuration` when it was sealed with a key that is not in the list any more
   */
  open(stored: string, name: string): Promise<T | undefined>
}

/**
 * AES-256-GCM in a JWE, whose protected header names the purpose and the place, so that both are authenticated
 * (RFC 7516 section 5.1, step 14). The first key encrypts, every key decrypts, so that a key can be replaced by putting
 * the new one in front. Without keys the object is stored as it is, and bound to nothing.
 *
 * @param what the purpose: what is stored, also for the error that says that a key is missing
 */
export function createJsonCipher<T extends object>(encryptionKeys: readonly string[], what: string): JsonCipher<T> {
  const keys = encryptionKeys.map((text, index) => ({ id: '', bytes: decodeKey(text, index) }))
  const identified = Promise.all(keys.map(async (key) => ({ ...key, id: await keyId(key.bytes) })))
  return {
    async seal(value, name) {
      const [first] = await identified
      const plain = JSON.stringify(value)
      if (!first) return plain
      return new CompactEncrypt(new TextEncoder().encode(plain))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: first.id, for: [what, name] })
        .encrypt(first.bytes)
    },
    async open(stored, name) {
      if (keys.length === 0 && stored.startsWith('{')) return parse<T>(stored)
      const header = headerOf(stored)
      if (header?.alg !== 'dir' || header.enc !== 'A256GCM' || !isFor(header.for, what, name)) return undefined
      const key = (await identified).find(({ id }) => id === header.kid)
      if (!key) {
        throw invalidConfiguration(
          `A stored ${what} is encrypted with a key that \`encryptionKeys\` does not hold: keep the old key in the list, after the new one`,
        )
      }
      try {
        const { plaintext } = await compactDecrypt(stored, key.bytes)
        return parse<T>(new TextDecoder().decode(plaintext))
      } catch {
        return undefined
      }
    },
  }
}

function headerOf(stored: string): ReturnType<typeof decodeProtectedHeader> | undefined {
  try {
    return decodeProtectedHeader(stored)
  } catch {
    return undefined
  }
}

function isFor(header: unknown, what: string, name: string): boolean {
  return Array.isArray(header) && header.length === 2 && header[0] === what && header[1] === name
}

function parse<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}

function decodeKey(text: string, index: number): Uint8Array {
  let bytes: Uint8Array | undefined
  try {
    bytes = base64url.decode(text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''))
  } catch {}
  if (bytes?.length !== 32) {
    throw invalidConfiguration(
      `encryptionKeys[${index}] must be 32 random bytes in base64 or base64url, such as the output of: openssl rand -base64 32`,
    )
  }
  return bytes
}

async function keyId(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return base64url.encode(new Uint8Array(digest).subarray(0, 6))
}
