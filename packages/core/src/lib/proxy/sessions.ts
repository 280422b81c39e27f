import type { AuthInfo } from '../auth-info.js'
import { GatewayError } from '../gateway-error.js'
import { principal } from '../principal.js'
import type { Upstream } from './upstreams.js'

const encoder = new TextEncoder()
const maxCached = 10_000

/** Where a session lives, and what it is called there. */
export interface Session {
  readonly upstream: Upstream
  readonly id: string
}

/**
 * Gives the sessions of legacy upstreams ids that say where each lives and whose it is, signed: so that any replica
 * finds the upstream without a store, and nobody can use a session with the token of another principal (MCP L9).
 */
export class Sessions {
  readonly #upstreams: readonly Upstream[]
  readonly #secret: Uint8Array | undefined
  readonly #known = new Map<string, Session>()
  #key: Promise<CryptoKey> | undefined

  constructor(upstreams: readonly Upstream[], secret: string | undefined) {
    if (secret !== undefined && secret.length < 32) {
      throw new GatewayError('invalid_configuration', 'sessionSecret must have at least 32 characters')
    }
    this.#upstreams = upstreams
    this.#secret = secret === undefined ? undefined : encoder.encode(secret)
  }

  /** The id that the client gets for a session of an upstream. */
  async seal(session: Session, auth: AuthInfo | undefined): Promise<string> {
    const mac = await crypto.subtle.sign('HMAC', await this.#getKey(), statement(session, auth))
    return `${session.upstream.tag}.${toHex(mac)}.${session.id}`
  }

  /** The session that a client names; `undefined` when there is none by this name for this principal. */
  async open(sealed: string, auth: AuthInfo | undefined): Promise<Session | undefined> {
    const cacheKey = `${auth === undefined ? '' : principal(auth)}\n${sealed}`
    const known = this.#known.get(cacheKey)
    if (known !== undefined) return known
    const [, tag, mac, id] = /^([\da-z]+)\.([\da-f]{64})\.([\x21-\x7e]+)$/.exec(sealed) ?? []
    const upstream = this.#upstreams.find((candidate) => candidate.tag === tag)
    if (upstream === undefined || mac === undefined || id === undefined) return undefined
    const session = { upstream, id }
    const key = await this.#getKey()
    if (!(await crypto.subtle.verify('HMAC', key, fromHex(mac), statement(session, auth)))) return undefined
    if (this.#known.size >= maxCached) this.#known.delete(this.#known.keys().next().value as string)
    this.#known.set(cacheKey, session)
    return session
  }

  #getKey(): Promise<CryptoKey> {
    this.#key ??= crypto.subtle.importKey(
      'raw',
      (this.#secret ?? crypto.getRandomValues(new Uint8Array(32))) as Uint8Array<ArrayBuffer>,
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign', 'verify'],
    )
    return this.#key
  }
}

function statement({ upstream, id }: Session, auth: AuthInfo | undefined): Uint8Array<ArrayBuffer> {
  const who = auth === undefined ? null : principal(auth)
  return encoder.encode(JSON.stringify(['mcp-session', upstream.url, id, who])) as Uint8Array<ArrayBuffer>
}

function toHex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
