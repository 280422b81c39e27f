import { toBase64Url } from './base64-url.js'

// Asking for random bytes costs about the same for a few as for a thousand.
const pool = new Uint8Array(1024)
let used = pool.length

// Where Buffer is not, the encoder takes a detour over strings.
const buffer = globalThis.process?.getBuiltinModule?.('node:buffer')?.Buffer.from(pool.buffer)
const encode = (start: number, end: number): string =>
  buffer ? buffer.toString('base64url', start, end) : toBase64Url(pool.subarray(start, end))

/** An unguessable text of 256 bits, URL-safe, or of as many bytes as told. */
export function randomToken(bytes = 32): string {
  if (used + bytes > pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  const token = encode(used, used + bytes)
  pool.fill(0, used, used + bytes)
  used += bytes
  return token
}
