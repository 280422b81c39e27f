import { createJsonCipher, type JsonCipher } from '../keys/json-cipher.js'
import { type Cookies, createCookies, readCookie } from '../pages/cookies.js'
import { randomToken } from '../text/random-token.js'
import { sha256Hex } from '../text/sha256.js'
import type { VaultOptions } from './vault-options.js'

/** A sign-in that a browser was sent away for. */
export interface SignInStep {
  /** What the OAuth client keeps between the steps. */
  readonly memo: string
  /** The page to go on with: an upstream's name, or nothing for the list. */
  readonly back?: string
}

/** An account that a browser was sent away for, kept until it is back. */
export interface Flow {
  /** The upstream that is to be connected. */
  readonly upstream: string
  /** What the OAuth client keeps between the steps. */
  readonly memo: string
  /** Whose browser it is: the digest of its cookie. */
  readonly browser: string
  /** Who asked. */
  readonly principal: string
}

/** Who is signed in at a browser. */
export interface Session {
  readonly principal: string
  /** How to address them, for the pages alone. */
  readonly name: string
}

/** Seconds that a user has for the other server's pages. */
const flowLifetime = 600
/** Seconds that a sign-in is good for: long enough to connect an account, and no longer. */
const sessionLifetime = 900

/** What is sealed says where it belongs, so that one that was moved is noticed. Times are milliseconds since the epoch. */
type Sealed = (Flow | Session | (SignInStep & { readonly until: number })) & { readonly key: string }

/** What the vault knows of browsers: a cookie that only they have, and what is going on behind it. */
export class Browsers {
  readonly #storage: VaultOptions['storage']
  readonly #cipher: JsonCipher<Sealed>
  readonly #cookies: Cookies
  readonly #now: () => number

  constructor({ url, storage, encryptionKeys = [], now = Date.now }: VaultOptions) {
    this.#storage = storage
    this.#cipher = createJsonCipher(encryptionKeys, 'sign-in')
    this.#cookies = createCookies(url, 'mcp-vault')
    this.#now = now
  }

  /** The secret that this browser has. */
  cookieOf(request: Request): string | undefined {
    const value = readCookie(request, this.#cookies.name())
    return value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined
  }

  /** `Set-Cookie` that gives a browser its secret, for as long as it is open. */
  write(cookie: string): string {
    return this.#cookies.write('', cookie)
  }

  async session(cookie: string | undefined): Promise<Session | undefined> {
    if (cookie === undefined) return undefined
    const key = `vault:session:${await sha256Hex(cookie)}`
    return this.#open<Session>(key, (await this.#storage.get(key))?.value)
  }

  /** Begins a session under a new secret: one that somebody planted before the sign-in is worth nothing after it. */
  async beginSession(session: Session): Promise<string> {
    const cookie = randomToken()
    const key = `vault:session:${await sha256Hex(cookie)}`
    await this.#storage.set(key, await this.#cipher.seal({ ...session, key }, key), { ttl: sessionLifetime })
    return cookie
  }

  async endSession(cookie: string): Promise<void> {
    await this.#storage.delete(`vault:session:${await sha256Hex(cookie)}`)
  }

  /** `Set-Cookie` that keeps a sign-in in the browser itself: strangers leave nothing in the storage. */
  async beginSignIn(state: string, step: SignInStep): Promise<string> {
    const suffix = await stepSuffix(state)
    const key = this.#cookies.name(suffix)
    const sealed = await this.#cipher.seal({ ...step, key, until: this.#now() + flowLifetime * 1000 }, key)
    return this.#cookies.write(suffix, encodeURIComponent(sealed), flowLifetime)
  }

  /** The sign-in of this state, if this is the browser that was sent away. */
  async signIn(request: Request, state: string): Promise<SignInStep | undefined> {
    const key = this.#cookies.name(await stepSuffix(state))
    try {
      const sealed = decodeURIComponent(readCookie(request, key) ?? '')
      const step = await this.#open<SignInStep & { until: number }>(key, sealed)
      return step !== undefined && this.#now() < step.until ? step : undefined
    } catch {
      // Anybody can send a cookie with anything in it
      return undefined
    }
  }

  /** `Set-Cookie` that ends a sign-in. */
  async endSignIn(state: string): Promise<string> {
    return this.#cookies.remove(await stepSuffix(state))
  }

  async beginFlow(state: string, flow: Flow): Promise<void> {
    const key = `vault:flow:${await sha256Hex(state)}`
    await this.#storage.set(key, await this.#cipher.seal({ ...flow, key }, key), { ttl: flowLifetime })
  }

  /** The flow of this state, once. */
  async takeFlow(state: string): Promise<Flow | undefined> {
    const key = `vault:flow:${await sha256Hex(state)}`
    return this.#open<Flow>(key, await this.#storage.take(key))
  }

  async #open<T>(key: string, stored: string | undefined): Promise<T | undefined> {
    if (stored === undefined) return undefined
    const record = await this.#cipher.open(stored, key)
    return record?.key === key ? (record as T) : undefined
  }
}

/** One cookie each, so that tabs do not disturb each other. */
async function stepSuffix(state: string): Promise<string> {
  return (await sha256Hex(state)).slice(0, 16)
}
