import { BoundedMap } from '../cache/bounded-map.js'
import type { Context } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { toHex } from '../text/sha256.js'
import { principal } from '../tokens/principal.js'
import type { Upstream } from './upstreams.js'

const encoder = new TextEncoder()
const maxCached = 10_000
const flag = '-u'

/** Where a session lives, and what it is called there. */
export interface Session {
  readonly upstream: Upstream
  readonly id: string
  /** Whether its client declared that it can open URLs (elicitation by URL), which later requests do not repeat. */
  readonly opensUrls: boolean
}

/** Who may use a session, and where. */
export type Binding = Pick<Context, 'auth' | 'resource' | 'sharedSecret'>

/**
 * Gives the sessions of legacy upstreams ids that say where each lives and whose it is, signed: so that any replica
 * finds the upstream without a store, and nobody can use a session with the token of another principal (MCP L9) or under
 * another resource, where other rules may hold for the same upstream.
 */
export class Sessions {
  readonly #upstreams: readonly Upstream[]
  readonly #secret: Uint8Array | undefined
  readonly #known = new BoundedMap<Session>(maxCached)
  /** The key of this process, or of the configured secret. */
  #key: Promise<CryptoKey> | undefined

  constructor(upstreams: readonly Upstream[], secret: string | undefined) {
    if (secret !== undefined && secret.length < 32) {
      throw invalidConfiguration('sessionSecret must have at least 32 characters')
    }
    this.#upstreams = upstreams
    this.#secret = secret === undefined ? undefined : encoder.encode(secret)
  }

  /** The id that the client gets for a session of an upstream. */
  async seal(session: Session, binding: Binding): Promise<string> {
    const mac = await crypto.subtle.sign('HMAC', await this.#getKey(binding), statement(session, binding))
    return `${session.upstream.tag}${session.opensUrls ? flag : ''}.${toHex(mac)}.${session.id}`
  }

  /** The session that a client names; `undefined` when there is none by this name for this principal here. */
  async open(sealed: string, binding: Binding): Promise<Session | undefined> {
    const cacheKey = JSON.stringify([...whoAndWhere(binding), sealed])
    const known = this.#known.get(cacheKey)
    if (known !== undefined) return known
    const [, tag, urls, mac, id] = /^([\da-z]+)(-u)?\.([\da-f]{64})\.([\x21-\x7e]+)$/.exec(sealed) ?? []
    const upstream = this.#upstreams.find((candidate) => candidate.tag === tag)
    if (upstream === undefined || mac === undefined || id === undefined) return undefined
    const session = { upstream, id, opensUrls: urls === flag }
    const key = await this.#getKey(binding)
    if (!(await crypto.subtle.verify('HMAC', key, fromHex(mac), statement(session, binding)))) return undefined
    this.#known.set(cacheKey, session)
    return session
  }

  async #getKey({ sharedSecret }: Binding): Promise<CryptoKey> {
    if (this.#secret === undefined && sharedSecret !== undefined) return importKey(await sharedSecret('proxy sessions'))
    this.#key ??= importKey(this.#secret ?? crypto.getRandomValues(new Uint8Array(32)))
    return this.#key
  }
}

function importKey(secret: Uint8Array): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  return crypto.subtle.importKey('raw', secret as Uint8Array<ArrayBuffer>, algorithm, false, ['sign', 'verify'])
}

function statement({ upstream, id, opensUrls }: Session, binding: Binding): Uint8Array<ArrayBuffer> {
  const fields = ['mcp-session', upstream.url, id, opensUrls, ...whoAndWhere(binding)]
  return encoder.encode(JSON.stringify(fields)) as Uint8Array<ArrayBuffer>
}

function whoAndWhere({ auth, resource }: Binding): [string | null, string | null] {
  return [auth === undefined ? null : principal(auth), resource ?? null]
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
