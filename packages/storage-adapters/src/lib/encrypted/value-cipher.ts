import { invalidConfiguration, toBase64Url } from '@mcp-gateway/core/internal'
import { decodeText, encodeText } from '../text.js'
import { fromBase64 } from './base64-url.js'

/** Encrypts values, each bound to the key that it is stored under. */
export interface ValueCipher {
  seal(key: string, value: string): Promise<string>
  /**
   * The value, if it was sealed under this key.
   *
   * @throws {GatewayError} `invalid_configuration` for what no known key sealed: plain text, digits, or a lost key
   */
  open(key: string, sealed: string): Promise<string>
  /** Where the counter of this key is kept. Only who has the encryption key can tell, or make one. */
  counterName(key: string): Promise<string>
}

interface DerivedKey {
  readonly id: string
  readonly key: CryptoKey
  readonly counters: CryptoKey
}

const encoder = new TextEncoder()
const forValues = encoder.encode('mcp-gateway storage')
const forCounters = encoder.encode('mcp-gateway storage counters')
const sealedForm = /^([\w-]{8})\.([\w-]{38,})$/

/**
 * A sealed value is `<id of the key>.<12 bytes of nonce and the ciphertext>`, in base64url. The key that encrypts is
 * derived from the given one for this purpose alone, so that the same secret may serve elsewhere too.
 */
export function createValueCipher(encryptionKeys: readonly string[]): ValueCipher {
  if (encryptionKeys.length === 0) {
    throw invalidConfiguration('encryptedStorage needs at least one encryption key')
  }
  const secrets = encryptionKeys.map(decodeKey)
  // Derived at first use: some hosts allow no cryptography while a module is loaded.
  let derived: Promise<DerivedKey[]> | undefined
  const keys = () => {
    derived ??= Promise.all(secrets.map(derive))
    return derived
  }
  return {
    async seal(key, value) {
      const [first] = (await keys()) as [DerivedKey]
      const nonce = crypto.getRandomValues(new Uint8Array(12))
      // Escaped, because UTF-8 would merge the lone surrogates.
      const plain = encoder.encode(encodeText(value))
      const ciphertext = await crypto.subtle.encrypt(parameters(key, nonce), first.key, plain)
      const sealed = new Uint8Array(12 + ciphertext.byteLength)
      sealed.set(nonce)
      sealed.set(new Uint8Array(ciphertext), 12)
      return `${first.id}.${toBase64Url(sealed)}`
    },
    async open(key, sealed) {
      const [, id = '', text = ''] = sealedForm.exec(sealed) ?? []
      const known = (await keys()).find((candidate) => candidate.id === id)
      if (known === undefined) {
        throw invalidConfiguration(
          'A stored value was not written by encryptedStorage, or with a key that it was not given: keep the old key, after the new one',
        )
      }
      try {
        const bytes = fromBase64(text)
        const plain = await crypto.subtle.decrypt(parameters(key, bytes.subarray(0, 12)), known.key, bytes.subarray(12))
        return decodeText(new TextDecoder().decode(plain))
      } catch (cause) {
        throw new Error('A stored value was changed, or belongs to another key', { cause })
      }
    },
    async counterName(key) {
      const [first] = (await keys()) as [DerivedKey]
      const tag = await crypto.subtle.sign('HMAC', first.counters, encoder.encode(encodeText(key)))
      return `counter:${toBase64Url(new Uint8Array(tag))}`
    },
  }
}

/** Binds a value to its key (NIST SP 800-38D, additional authenticated data). */
function parameters(key: string, iv: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: 'AES-GCM', iv, additionalData: encoder.encode(encodeText(key)) }
}

function decodeKey(text: string, index: number): Uint8Array<ArrayBuffer> {
  let bytes: Uint8Array<ArrayBuffer> | undefined
  try {
    bytes = fromBase64(text)
  } catch {}
  if (bytes?.length === 32) return bytes
  throw invalidConfiguration(
    `encryptionKeys[${index}] must be 32 random bytes in base64 or base64url, such as the output of: openssl rand -base64 32`,
  )
}

async function derive(secret: Uint8Array<ArrayBuffer>): Promise<DerivedKey> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', secret))
  const material = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey'])
  const [key, counters] = await Promise.all([
    crypto.subtle.deriveKey(hkdf(forValues), material, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']),
    crypto.subtle.deriveKey(hkdf(forCounters), material, { name: 'HMAC', hash: 'SHA-256', length: 256 }, false, [
      'sign',
    ]),
  ])
  return { id: toBase64Url(digest.subarray(0, 6)), key, counters }
}

/** RFC 5869, one key for each purpose */
function hkdf(info: Uint8Array<ArrayBuffer>): HkdfParams {
  return { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info }
}
