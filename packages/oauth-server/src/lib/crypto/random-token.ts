import { base64url } from 'jose'

/** An unguessable text of 256 bits, URL-safe. */
export function randomToken(bytes = 32): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(bytes)))
}
