import { GatewayError } from '../contract/gateway-error.js'
import type { Storage, StorageEntry } from '../contract/storage.js'
import { randomToken } from '../text/random-token.js'
import { createJsonCipher } from './json-cipher.js'

/** Gives 32 bytes for a purpose: the same in every process that has the same secret, and other bytes for another purpose. */
export type SharedSecret = (purpose: string) => Promise<Uint8Array<ArrayBuffer>>

/** Where the secret is kept, and what encrypts it there. */
export interface StoredSecretOptions {
  readonly storage: Storage
  /** The key of its record. */
  readonly name: string
  readonly encryptionKeys: readonly string[]
  /** In seconds since the epoch. */
  readonly clock: () => number
}

interface Record {
  readonly secret: string
}

/** How long a process goes without looking at the record, in seconds. */
const reread = 60

/**
 * A secret that whoever needs it first makes, and all that share the storage read. It lives until the record is deleted, and
 * a process that knows it writes it again where a store has lost it, so that processes keep agreeing.
 */
export function storedSecret({ storage, name, encryptionKeys, clock }: StoredSecretOptions): SharedSecret {
  const cipher = createJsonCipher<Record>(encryptionKeys, 'shared secret')
  let known: { readonly secret: string; readonly readAt: number } | undefined

  /** What is there and was not sealed for this place, or with a key that is given up, is nobody's. */
  async function open(stored: StorageEntry | undefined): Promise<Record | undefined> {
    if (stored === undefined) return undefined
    return cipher.open(stored.value, name).catch((error: unknown) => {
      if (error instanceof GatewayError) return undefined
      throw error
    })
  }

  async function read(): Promise<string> {
    const stored = await storage.get(name)
    const opened = await open(stored)
    if (opened) return opened.secret
    const secret = known?.secret ?? randomToken()
    const sealed = await cipher.seal({ secret }, name)
    if (await storage.compareAndSet(name, stored?.version, sealed, { ttl: null })) return secret
    const won = await open(await storage.get(name))
    if (won) return won.secret
    throw new GatewayError('temporarily_unavailable', 'The shared secret cannot be read')
  }

  async function current(): Promise<string> {
    const age = known && clock() - known.readAt
    if (known && age !== undefined && age >= 0 && age < reread) return known.secret
    try {
      known = { secret: await read(), readAt: clock() }
    } catch (error) {
      // It stays what it was while the store is away
      if (known === undefined) throw error
    }
    return known.secret
  }

  return async (purpose) => deriveBytes(await current(), purpose)
}

/** RFC 5869, with SHA-256. */
export async function deriveBytes(secret: string, purpose: string): Promise<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder()
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), 'HKDF', false, ['deriveBits'])
  const how = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode(purpose) }
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, 256))
}
