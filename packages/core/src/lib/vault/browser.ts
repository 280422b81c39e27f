import { createJsonCipher } from '../keys/json-cipher.js'
import { digest } from './digest.js'
import type { VaultOptions } from './vault-options.js'

/** A step that a browser was sent away for, kept until it is back. */
export interface Flow {
  /** The upstream that is to be connected; absent while the user signs in. */
  readonly upstream?: string
  /** What the OAuth client keeps between the steps. */
  readonly memo: string
  /** Whose browser it is: the digest of its cookie. */
  readonly browser: string
  /** Who asked; absent while the user signs in. */
  readonly principal?: string
  /** The page to go on with after a sign-in: an upstream's name, or nothing for the list. */
  readonly back?: string
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

/** What the vault knows of browsers: a cookie that only they have, and what is going on behind it. */
export class Browsers {
  readonly #storage: VaultOptions['storage']
  readonly #cipher: ReturnType<typeof createJsonCipher<Flow | Session>>
  readonly #isSecure: boolean

  constructor({ url, storage, encryptionKeys = [] }: VaultOptions) {
    this.#storage = storage
    this.#cipher = createJsonCipher(encryptionKeys, 'sign-in')
    this.#isSecure = url.startsWith('https://')
  }

  /** The secret that this browser has. */
  cookieOf(request: Request): string | undefined {
    for (const part of (request.headers.get('cookie') ?? '').split(';')) {
      const [name, value = ''] = part.trim().split('=', 2)
      if (name === this.#name && /^[\w-]{43}$/.test(value)) return value
    }
    return undefined
  }

  /** `Set-Cookie` that gives a browser its secret, for as long as it is open. */
  write(cookie: string): string {
    return `${this.#name}=${cookie}; Path=/; HttpOnly; SameSite=Lax${this.#isSecure ? '; Secure' : ''}`
  }

  // A browser drops a __Host- cookie of a plain http page, which only loopback may be
  get #name(): string {
    return `${this.#isSecure ? '__Host-' : ''}mcp-vault`
  }

  async session(cookie: string | undefined): Promise<Session | undefined> {
    if (cookie === undefined) return undefined
    const entry = await this.#storage.get(`vault:session:${await digest(cookie)}`)
    return entry && ((await this.#cipher.open(entry.value)) as Session)
  }

  /** Begins a session under a new secret: one that somebody planted before the sign-in is worth nothing after it. */
  async beginSession(session: Session): Promise<string> {
    const cookie = randomToken()
    const value = await this.#cipher.seal(session)
    await this.#storage.set(`vault:session:${await digest(cookie)}`, value, { ttl: sessionLifetime })
    return cookie
  }

  async endSession(cookie: string): Promise<void> {
    await this.#storage.delete(`vault:session:${await digest(cookie)}`)
  }

  async beginFlow(state: string, flow: Flow): Promise<void> {
    const value = await this.#cipher.seal(flow)
    await this.#storage.set(`vault:flow:${await digest(state)}`, value, { ttl: flowLifetime })
  }

  /** The flow of this state, once. */
  async takeFlow(state: string): Promise<Flow | undefined> {
    const value = await this.#storage.take(`vault:flow:${await digest(state)}`)
    return value === undefined ? undefined : ((await this.#cipher.open(value)) as Flow)
  }
}

/** 256 bits, base64url. */
export function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
