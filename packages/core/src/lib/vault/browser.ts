import { createJsonCipher, type JsonCipher } from '../keys/json-cipher.js'
import { type Cookies, createCookies, readCookie } from '../pages/cookies.js'
import { oldestCookies } from '../pages/oldest-cookies.js'
import { sha256AtOnce } from '../text/hmac-sha256.js'
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
/** How many accounts one user may begin to connect in that time: each is a record. */
const mostFlows = 50
/** How many sign-ins one browser has under way: each is a cookie of some 500 bytes. */
const mostSignIns = 5
/** Seconds after which the times in names begin again: half a year. */
const wrap = 2 ** 24
/** Seconds that a sign-in is good for: long enough to connect an account, and no longer. */
const sessionLifetime = 900

/** What is sealed says where it belongs, so that one that was moved is noticed. Times are milliseconds since the epoch. */
type Sealed = (Flow | Session | (SignInStep & { readonly until: number })) & { readonly key: string }

/** Cookies are one host's, whatever the port and path: each vault there has its own. */
export function vaultCookie(url: string): string {
  return `mcp-vault-${sha256AtOnce(url).slice(0, 8)}`
}

/** What the vault knows of browsers: a cookie that only they have, and what is going on behind it. */
export class Browsers {
  readonly #storage: VaultOptions['storage']
  readonly #cipher: JsonCipher<Sealed>
  readonly #cookies: Cookies
  readonly #now: () => number

  constructor({ url, storage, encryptionKeys = [], now = Date.now }: VaultOptions) {
    this.#storage = storage
    this.#cipher = createJsonCipher(encryptionKeys, 'sign-in')
    this.#cookies = createCookies(url, vaultCookie(url))
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

  /**
   * The lines that keep a sign-in in the browser itself, so that strangers leave nothing in the storage, and that take the
   * oldest of many away.
   */
  async beginSignIn(request: Request, state: string, step: SignInStep): Promise<string[]> {
    const prefix = `${this.#cookies.name()}-`
    const now = Math.floor(this.#now() / 1000) % wrap
    const suffix = `${now.toString(16).padStart(6, '0')}${await stepName(state)}`
    const key = prefix + suffix
    const sealed = await this.#cipher.seal({ ...step, key, until: this.#now() + flowLifetime * 1000 }, key)
    const old = oldestCookies(request, {
      most: mostSignIns,
      ageOf: (name) => {
        const [, stamp] =
          /^([\da-f]{6})[\da-f]{10}$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : '') ?? []
        return stamp === undefined ? undefined : (now - Number.parseInt(stamp, 16) + wrap) % wrap
      },
    })
    return [
      ...old.map((name) => this.#cookies.remove(name.slice(prefix.length))),
      this.#cookies.write(suffix, encodeURIComponent(sealed), flowLifetime),
    ]
  }

  /** The sign-in of this state, if this is the browser that was sent away. */
  async signIn(request: Request, state: string): Promise<SignInStep | undefined> {
    const key = await this.#nameOf(request, state)
    if (key === undefined) return undefined
    try {
      const sealed = decodeURIComponent(readCookie(request, key) ?? '')
      const step = await this.#open<SignInStep & { until: number }>(key, sealed)
      return step !== undefined && this.#now() < step.until ? step : undefined
    } catch {
      // Anybody can send a cookie with anything in it
      return undefined
    }
  }

  /** The line that ends a sign-in, if the browser has it. */
  async endSignIn(request: Request, state: string): Promise<string[]> {
    const name = await this.#nameOf(request, state)
    return name === undefined ? [] : [this.#cookies.remove(name.slice(this.#cookies.name().length + 1))]
  }

  /** The cookie of a sign-in, which says in its name when it began, and for which state. */
  async #nameOf(request: Request, state: string): Promise<string | undefined> {
    const prefix = `${this.#cookies.name()}-`
    const end = await stepName(state)
    for (const part of (request.headers.get('cookie') ?? '').split(';')) {
      const [name = ''] = part.trim().split('=', 1)
      if (name.startsWith(prefix) && name.endsWith(end) && name.length === prefix.length + 16) return name
    }
    return undefined
  }

  /** Says whether the user may begin another one now, and counts it. */
  async admitsFlow(principal: string): Promise<boolean> {
    const turn = Math.floor(this.#now() / 1000 / flowLifetime)
    const key = `vault:flows:${await sha256Hex(`${turn} ${principal}`)}`
    return (await this.#storage.increment(key, { ttl: flowLifetime })) <= mostFlows
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
async function stepName(state: string): Promise<string> {
  return (await sha256Hex(state)).slice(0, 10)
}
