import type { Context } from '../contract/handler.js'
import { isBase64Url } from '../keys/token-spelling.js'
import { toBase64Url } from '../text/base64-url.js'

const encoder = new TextEncoder()
const ivLength = 12
const maxLength = 16_384

/** Where the secret is that the replicas of a gateway share. */
type SecretOwner = Pick<Context, 'sharedSecret'>

/**
 * Makes cursors that say nothing of those of a server, which may be ids of other users' tasks (AES-256-GCM). Each opens for
 * the user alone for whom it was sealed.
 */
export class CursorSeal {
  readonly #secret: Uint8Array | undefined
  /** The key of this process, or of the configured secret. */
  #key: Promise<CryptoKey> | undefined

  /**
   * @param secret the same in every replica; without it the secret that the replicas of the gateway share, and without one
   *   a random one, so that cursors end with the process
   */
  constructor(secret: string | undefined) {
    this.#secret = secret === undefined ? undefined : encoder.encode(secret)
  }

  async seal(cursor: string, principal: string, gateway: SecretOwner): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(ivLength))
    const key = await this.#getKey(gateway)
    const sealed = await crypto.subtle.encrypt(algorithm(iv, principal), key, encoder.encode(cursor))
    return toBase64Url(Uint8Array.from([...iv, ...new Uint8Array(sealed)]))
  }

  /** The server's cursor; `undefined` for what was not sealed here for this user. */
  async open(sealed: string, principal: string, gateway: SecretOwner): Promise<string | undefined> {
    if (sealed.length > maxLength || !isBase64Url(sealed)) return undefined
    try {
      const text = atob(sealed.replaceAll('-', '+').replaceAll('_', '/'))
      const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
      const from = algorithm(bytes.subarray(0, ivLength), principal)
      const opened = await crypto.subtle.decrypt(from, await this.#getKey(gateway), bytes.subarray(ivLength))
      return new TextDecoder().decode(opened)
    } catch {
      return undefined
    }
  }

  async #getKey({ sharedSecret }: SecretOwner): Promise<CryptoKey> {
    if (this.#secret === undefined && sharedSecret !== undefined) return derive(await sharedSecret('task cursors'))
    this.#key ??= derive(this.#secret ?? crypto.getRandomValues(new Uint8Array(32)))
    return this.#key
  }
}

async function derive(secret: Uint8Array): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey('raw', secret as Uint8Array<ArrayBuffer>, 'HKDF', false, ['deriveKey'])
  const from = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode('mcp-task-cursor') }
  return crypto.subtle.deriveKey(from, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}

function algorithm(iv: Uint8Array, principal: string): AesGcmParams {
  return { name: 'AES-GCM', iv: iv as Uint8Array<ArrayBuffer>, additionalData: encoder.encode(principal) }
}
