import type { Storage } from '@mcp-gateway/core'
import { createValueCipher } from './value-cipher.js'

/**
 * Encrypts the values of another storage with AES-256-GCM, so that who reads the store or a backup of it reads none of
 * them, and who writes to it can neither forge a value nor move one to another key. It does not hide keys, names of
 * lists, lifetimes and counters, and it cannot tell that an older value of the same key was put back.
 *
 * The first key encrypts, every key decrypts: put a new one in front, and drop the old one when what it encrypted has
 * expired or was written again. Values are about a third larger.
 *
 * @param encryptionKeys 32 random bytes each, in base64 or base64url: `openssl rand -base64 32`
 * @throws GatewayError `invalid_configuration` when there is no key or one is not 32 bytes long
 * @example
 * const storage = encryptedStorage(redisStorage(client), [key])
 */
export function encryptedStorage(inner: Storage, encryptionKeys: readonly string[]): Storage {
  const { seal, open } = createValueCipher(encryptionKeys)
  return {
    ...(inner.singleProcess && { singleProcess: true }),
    async get(key) {
      const entry = await inner.get(key)
      return entry && { value: await open(key, entry.value), version: entry.version }
    },
    set: async (key, value, options) => inner.set(key, await seal(key, value), options),
    add: async (key, value, options) => inner.add(key, await seal(key, value), options),
    async take(key) {
      const value = await inner.take(key)
      return value === undefined ? undefined : open(key, value)
    },
    compareAndSet: async (key, version, value, options) =>
      inner.compareAndSet(key, version, await seal(key, value), options),
    delete: (key) => inner.delete(key),
    list: (name, options) => inner.list(name, options),
    increment: (key, options) => inner.increment(key, options),
    close: () => inner.close(),
  }
}
