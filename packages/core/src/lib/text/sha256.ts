import { toBase64Url } from './base64-url.js'

// The synchronous hash costs a fraction of WebCrypto's trip through a thread pool; where there is none (some runtimes
// have the module without this function), WebCrypto it is.
const node = globalThis.process?.getBuiltinModule?.('node:crypto')
const encoder = new TextEncoder()

/** SHA-256 in base64url: what is stored in place of a secret. A promise only where the runtime has no synchronous hash. */
export function sha256(text: string): string | Promise<string> {
  if (node?.hash) return node.hash('sha256', text, 'base64url')
  return crypto.subtle.digest('SHA-256', encoder.encode(text)).then((digest) => toBase64Url(new Uint8Array(digest)))
}

/** SHA-256 in hexadecimal: keys of records and caches tell nobody's name, and no token is one. */
export async function sha256Hex(text: string): Promise<string> {
  return toHex(await crypto.subtle.digest('SHA-256', encoder.encode(text)))
}

/** Bytes in hexadecimal. */
export function toHex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
