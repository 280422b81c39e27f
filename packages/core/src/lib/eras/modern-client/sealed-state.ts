import { parseSpan } from '../../json/raw-json.js'
import { isBase64Url } from '../../keys/token-spelling.js'
import { toBase64Url } from '../../text/base64-url.js'
import { sha256 } from '../../text/sha256.js'
import type { RawJson } from '../era-server.js'

/** What a `requestState` of ours says, once it was found to be whole. */
export interface OpenedState {
  /** The call that waits for the retry. */
  readonly call: string
  /** Which of its questions are answered; those of an earlier round are not asked any more. */
  readonly round: number
}

/** What a `requestState` is bound to: it opens for the same user, the same audience and the same request alone. */
export interface StateBinding {
  readonly principal: string
  /** The resource that the token is for; empty without tokens. */
  readonly audience: string
  /** Of the method and the parameters of the request. */
  readonly digest: string
}

const ivLength = 12
const maxLength = 2048

/**
 * Makes and opens `requestState`s (MCP M20): AES-256-GCM under a key that lives as long as this object, so that a state
 * of another process, or of this one before a restart, does not open. Single use is the business of the table of calls.
 */
export class SealedState {
  readonly #key: Promise<CryptoKey>
  readonly #now: () => number

  /** @param now a clock that is never set, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#key = crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  }

  /** @param lifetime seconds */
  async seal({ call, round }: OpenedState, binding: StateBinding, lifetime: number): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(ivLength))
    const text = encoder.encode(JSON.stringify([call, round, this.#now() + lifetime * 1000]))
    const sealed = await crypto.subtle.encrypt(algorithm(iv, binding), await this.#key, text)
    return toBase64Url(Uint8Array.from([...iv, ...new Uint8Array(sealed)]))
  }

  /** Resolves with `undefined` for what was forged, cut, bound to something else, or has expired. */
  async open(state: string, binding: StateBinding): Promise<OpenedState | undefined> {
    const bytes = fromBase64Url(state)
    if (bytes === undefined || bytes.length <= ivLength) return undefined
    try {
      const sealed = bytes.subarray(ivLength)
      const opened = await crypto.subtle.decrypt(
        algorithm(bytes.subarray(0, ivLength), binding),
        await this.#key,
        sealed,
      )
      const [call, round, expires] = JSON.parse(decoder.decode(opened))
      return this.#now() < expires ? { call, round } : undefined
    } catch {
      return undefined
    }
  }
}

/** The digest of a request for a {@link StateBinding}: the same however a client orders and spaces its JSON. */
export async function requestDigest(method: string, params: RawJson | undefined): Promise<string> {
  const all = params && parseSpan(params, { start: 0, end: params.length })
  const { _meta, inputResponses, requestState, ...own } = (all ?? {}) as Record<string, unknown>
  const text = JSON.stringify([method, own], (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
  return sha256(text)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

function algorithm(iv: Uint8Array, { principal, audience, digest }: StateBinding) {
  const additionalData = encoder.encode(JSON.stringify([principal, audience, digest]))
  return { name: 'AES-GCM', iv: iv as Uint8Array<ArrayBuffer>, additionalData }
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > maxLength || !isBase64Url(text)) return undefined
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
  } catch {
    return undefined
  }
}
