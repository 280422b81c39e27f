import { base64url } from 'jose'

const node = globalThis.process?.getBuiltinModule?.('node:crypto')
const encoder = new TextEncoder()

/** HMAC-SHA-256 in base64url: a secret that follows from another one, and tells nothing about it. */
export async function derive(secret: string, text: string): Promise<string> {
  if (node) return node.createHmac('sha256', secret).update(text).digest('base64url')
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, ['sign'])
  return base64url.encode(new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text))))
}
