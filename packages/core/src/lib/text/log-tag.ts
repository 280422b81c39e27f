import { hmacSha256, randomKey } from './hmac-sha256.js'

let key: Uint8Array | undefined

/**
 * Marks where a text was left out: `[redacted 1a2b3c4d5e6f7081]`. The digits are a keyed hash (HMAC-SHA-256, shortened)
 * under a random key of this process, so that the same text can be found again in its log, and nobody can try texts
 * against it.
 */
export function logTag(text: string): string {
  // At first use: some hosts have no random numbers while a module is loaded
  key ??= randomKey()
  // Texts that differ after so many characters, and begin alike, share a tag
  return `[redacted ${hmacSha256(key, text.slice(0, 1024)).slice(0, 16)}]`
}
