import { base64url } from 'jose'

// Asking for random bytes costs about the same for a few as for a thousand.
const pool = new Uint8Array(1024)
let used = pool.length

/** An unguessable text of 256 bits, URL-safe, or of as many bytes as told. */
export function randomToken(bytes = 32): string {
  if (used + bytes > pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  const token = base64url.encode(pool.subarray(used, used + bytes))
  pool.fill(0, used, used + bytes)
  used += bytes
  return token
}
