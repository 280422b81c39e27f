import { base64url } from 'jose'

// The synchronous hash costs a fraction of WebCrypto's trip through a thread pool; where there is none (some runtimes
// have the module without this function), WebCrypto it is.
const node = globalThis.process?.getBuiltinModule?.('node:crypto')
const encoder = new TextEncoder()

/** SHA-256 in base64url: what is stored in place of a secret. */
export function hash(text: string): string | Promise<string> {
  if (node?.hash) return node.hash('sha256', text, 'base64url')
  return crypto.subtle
    .digest('SHA-256', encoder.encode(text))
    .then((digest) => base64url.encode(new Uint8Array(digest)))
}
