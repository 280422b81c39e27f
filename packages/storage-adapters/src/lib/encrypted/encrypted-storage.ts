import type { Storage } from '@mcp-gateway/core'
import { checkStorage, storageType, textList } from '@mcp-gateway/core/internal'
import { createValueCipher } from './value-cipher.js'

/**
 * Encrypts the values of another storage with AES-256-GCM, so that who reads the store or a backup of it reads none of
 * them, and who writes to it can neither forge a value nor move one to another key: what was not sealed under its key is
 * refused, whatever it looks like. Counters are kept apart, under names that only the encryption key can make, so that
 * no digits in the store stand for a value. It does not hide keys, names of lists, lifetimes and counts; it cannot tell
 * that an older value of the same key was put back, that one was deleted, or that a count was changed.
 *
 * The first key encrypts, every key decrypts: put a new one in front, and drop the old one when what it encrypted has
 * expired or was written again. Counters begin anew with a new first key. Values are about a third larger. `get` and
 * `take` of an absent key ask the store twice.
 *
 * @param encryptionKeys 32 random bytes each, in base64 or base64url: `openssl rand -base64 32`
 * @throws {GatewayError} `invalid_configuration` when there is no key or one is not 32 bytes long
 * @example
 * const storage = encryptedStorage(redisStorage(client), [key])
 */
export function encryptedStorage(inner: Storage, encryptionKeys: readonly string[]): Storage {
  storageType(inner, 'The storage within encryptedStorage')
  textList(encryptionKeys, 'The encryptionKeys of encryptedStorage')
  const { seal, open, counterName } = createValueCipher(encryptionKeys)
  return {
    ...(inner.singleProcess && { singleProcess: true }),
    async get(key) {
      const entry = await inner.get(key)
      if (entry) return { value: await open(key, entry.value), version: entry.version }
      const counter = await inner.get(await counterName(key))
      // A version of the counter must not stand for one of the record.
      return counter && { value: digits(counter.value), version: `counter ${counter.version}` }
    },
    set: async (key, value, options) => inner.set(key, await seal(key, value), options),
    add: async (key, value, options) => inner.add(key, await seal(key, value), options),
    async take(key) {
      const value = await inner.take(key)
      if (value !== undefined) return open(key, value)
      const count = await inner.take(await counterName(key))
      return count && digits(count)
    },
    compareAndSet: async (key, version, value, options) =>
      inner.compareAndSet(key, version, await seal(key, value), options),
    async delete(key) {
      const name = await counterName(key)
      const found = await Promise.all([inner.delete(key), inner.delete(name)])
      return found.includes(true)
    },
    list: (name, options) => inner.list(name, options),
    async increment(key, options) {
      const name = await counterName(key)
      const [entry, count] = await Promise.all([inner.get(key), inner.increment(name, options)])
      if (entry) throw new TypeError('Only a key that increment created can be incremented')
      return count
    },
    check: () => checkStorage(inner),
    close: () => inner.close(),
  }
}

/** Whoever can write to the store can change a count, but not what it is. */
function digits(text: string): string {
  if (/^[1-9]\d{0,15}$/.test(text)) return text
  throw new Error('A stored counter was changed')
}
