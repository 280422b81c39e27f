import { BoundedMap } from '../cache/bounded-map.js'
import type { Storage } from '../contract/storage.js'
import { createJsonCipher, type JsonCipher } from '../keys/json-cipher.js'
import { sha256Hex } from '../text/sha256.js'
import type { VaultOptions } from './vault-options.js'

/** What one user granted at one upstream. Times are milliseconds since the epoch. */
export interface Grant {
  /** The key it is stored under, so that a record that was moved to another is noticed. */
  readonly key: string
  /** Whose it is: `principal` of the user's tokens. */
  readonly principal: string
  readonly upstream: string
  /** Where it was given, and to which client; elsewhere it is worth nothing and must not be sent (MCP SEP-2352). */
  readonly issuer: string
  readonly clientId: string
  readonly accessToken: string
  readonly refreshToken?: string
  readonly scope?: string
  readonly connectedAt: number
  /** When the access token ends; unknown where the upstream did not tell. */
  readonly expiresAt?: number
  /** From when on a new access token is asked for. */
  readonly freshUntil?: number
  /** Who is asking for a new one, and until when that is believed. */
  readonly refreshing?: { readonly by: string; readonly until: number }
}

/** A grant and the version of its record. */
export interface StoredGrant {
  readonly grant: Grant
  readonly version: string
}

/** Stored in place of a grant that ended, until the record does: `delete` could hit a newer grant. */
const ended = 'ended'

/** The records of users' grants. */
export class Grants {
  readonly #storage: Storage
  readonly #cipher: JsonCipher<Grant>
  readonly #upstreams: VaultOptions['upstreams']
  readonly #lifetime: number
  readonly #read = new BoundedMap<StoredGrant>(1000)

  constructor({ storage, encryptionKeys = [], upstreams, lifetime = 90 * 86_400 }: VaultOptions) {
    this.#storage = storage
    this.#cipher = createJsonCipher(encryptionKeys, 'grant')
    this.#upstreams = upstreams
    this.#lifetime = lifetime
  }

  async key(principal: string, upstream: string): Promise<string> {
    return `vault:grant:${upstream}:${await sha256Hex(principal)}`
  }

  async read(key: string): Promise<StoredGrant | undefined> {
    const entry = await this.#storage.get(key)
    if (entry === undefined || entry.value === ended) return undefined
    const known = this.#read.get(key)
    if (known?.version === entry.version) return known
    const grant = await this.#cipher.open(entry.value, key)
    if (grant === undefined) return undefined
    const { issuer, clientId } = this.#upstreams[grant.upstream] ?? {}
    if (grant.key !== key || grant.issuer !== issuer || grant.clientId !== clientId) return undefined
    const stored = { grant, version: entry.version }
    this.#read.set(key, stored)
    return stored
  }

  /** Puts a new grant in place of whatever there was. */
  async save(grant: Grant): Promise<void> {
    await this.#storage.set(grant.key, await this.#cipher.seal(grant, grant.key), await this.#options(grant))
  }

  /** Changes a grant, unless somebody else did meanwhile; says whether it did. */
  async replace(stored: StoredGrant, next: Grant): Promise<boolean> {
    const value = await this.#cipher.seal(next, next.key)
    return this.#storage.compareAndSet(next.key, stored.version, value, await this.#options(next))
  }

  /** Ends a grant, unless there is a newer one by now. */
  async end({ grant, version }: StoredGrant): Promise<boolean> {
    return this.#storage.compareAndSet(grant.key, version, ended, { ttl: 1 })
  }

  async delete(key: string): Promise<boolean> {
    const known = (await this.read(key)) !== undefined
    await this.#storage.delete(key)
    return known
  }

  async list(principal: string): Promise<Grant[]> {
    const name = await listOf(principal)
    const grants: Grant[] = []
    let cursor: string | undefined
    do {
      const page = await this.#storage.list(name, { cursor })
      for (const key of page.keys) {
        const stored = await this.read(key)
        if (stored !== undefined) grants.push(stored.grant)
      }
      cursor = page.cursor
    } while (cursor !== undefined)
    return grants.sort((a, b) => a.upstream.localeCompare(b.upstream))
  }

  async #options(grant: Grant): Promise<{ ttl: number; lists: string[] }> {
    return { ttl: this.#lifetime, lists: [await listOf(grant.principal)] }
  }
}

async function listOf(principal: string): Promise<string> {
  return `vault:user:${await sha256Hex(principal)}`
}
