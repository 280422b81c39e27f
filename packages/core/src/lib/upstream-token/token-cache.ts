import { BoundedMap } from '../cache/bounded-map.js'
import { isWithin } from '../cache/is-within.js'

/** A token and how long it is good for. */
export interface IssuedToken {
  readonly value: string
  /** In seconds; unknown for issuers that do not tell. */
  readonly expiresIn?: number
}

interface Entry {
  readonly token: Promise<IssuedToken>
  isPending: boolean
  /** When it came, and for how long it is used from then on; in milliseconds. */
  issuedAt: number
  span: number
}

/** Seconds before its end from which a token is asked for anew, so that it does not end on its way. */
const margin = 30
/** Seconds for which a token without a lifetime is used. */
const unknownLifetime = 60

/** Keeps tokens by key until shortly before they end. Callers that need the same token at once share one request. */
export class TokenCache {
  readonly #entries = new BoundedMap<Entry>(2000)

  async get(key: string, issue: () => Promise<IssuedToken>): Promise<string> {
    const known = this.#entries.get(key)
    if (known?.isPending || (known && isWithin(Date.now(), known.issuedAt, known.span)))
      return (await known.token).value
    const entry: Entry = { token: issue(), isPending: true, issuedAt: 0, span: 0 }
    this.#entries.set(key, entry)
    try {
      const { value, expiresIn = unknownLifetime } = await entry.token
      entry.issuedAt = Date.now()
      entry.span = Math.max(expiresIn - margin, expiresIn / 2) * 1000
      return value
    } finally {
      entry.isPending = false
    }
  }

  /** Forgets a token, unless there is a newer one by now. */
  async drop(key: string, value: string): Promise<void> {
    const entry = this.#entries.get(key)
    const current = await entry?.token.catch(() => undefined)
    if (entry !== undefined && current?.value === value) entry.span = 0
  }
}
