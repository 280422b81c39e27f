import { isBase64Url } from '../keys/token-spelling.js'
import { toBase64Url } from '../text/base64-url.js'

const encoder = new TextEncoder()
const ivLength = 12
const maxLength = 16_384

/**
 * Makes cursors that say nothing of those of a server, which may be ids of other users' tasks (AES-256-GCM). Each opens for
 * the user alone for whom it was sealed.
 */
export class CursorSeal {
  readonly #secret: Uint8Array
  #key: Promise<CryptoKey> | undefined

  /** @param secret the same in every replica; random where it is left out, so that cursors end with the process */
  constructor(secret: string | undefined) {
    this.#secret = secret === undefined ? crypto.getRandomValues(new Uint8Array(32)) : encoder.encode(secret)
  }

  async seal(cursor: string, principal: string): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(ivLength))
    const sealed = await crypto.subtle.encrypt(algorithm(iv, principal), await this.#getKey(), encoder.encode(cursor))
    return toBase64Url(Uint8Array.from([...iv, ...new Uint8Array(sealed)]))
  }

  /** The server's cursor; `undefined` for what was not sealed here for this user. */
  async open(sealed: string, principal: string): Promise<string | undefined> {
    if (sealed.length > maxLength || !isBase64Url(sealed)) return undefined
    try {
      const text = atob(sealed.replaceAll('-', '+').replaceAll('_', '/'))
      const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
      const from = algorithm(bytes.subarray(0, ivLength), principal)
      const opened = await crypto.subtle.decrypt(from, await this.#getKey(), bytes.subarray(ivLength))
      return new TextDecoder().decode(opened)
    } catch {
      return undefined
    }
  }

  #getKey(): Promise<CryptoKey> {
    this.#key ??= this.#derive()
    return this.#key
  }

  async #derive(): Promise<CryptoKey> {
    const base = await crypto.subtle.importKey('raw', this.#secret as Uint8Array<ArrayBuffer>, 'HKDF', false, [
      'deriveKey',
    ])
    const from = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode('mcp-task-cursor') }
    return crypto.subtle.deriveKey(from, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  }
}

function algorithm(iv: Uint8Array, principal: string): AesGcmParams {
  return { name: 'AES-GCM', iv: iv as Uint8Array<ArrayBuffer>, additionalData: encoder.encode(principal) }
}
