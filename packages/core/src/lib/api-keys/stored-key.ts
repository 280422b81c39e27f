import { isObject } from '../json/is-object.js'
import type { ApiKey } from './api-key.js'

/** A secret of a key, as far as it is kept. */
export interface StoredSecret {
  /** As `KeyHasher` writes it. */
  readonly hash: string
  readonly last4: string
  readonly generation: number
  /** Until when it works, in seconds since the epoch, where another one has taken its place. */
  readonly until?: number
}

/** The record of a key. All times are in seconds since the epoch. */
export interface StoredKey extends Omit<ApiKey, 'last4' | 'generation' | 'graceUntil'> {
  /** The newest first. */
  readonly secrets: readonly [StoredSecret, ...StoredSecret[]]
}

/** For how long the record of a dead key tells what it was, in seconds. */
const keptAfterEnd = 30 * 86_400

/** Reads a record; `undefined` for what is none. */
export function readStoredKey(text: string): StoredKey | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || !isObject(value.owner) || !Array.isArray(value.secrets) || value.secrets.length === 0) {
    return undefined
  }
  return value as unknown as StoredKey
}

/** When a key begins to work, in milliseconds since the epoch; never where the record cannot be read. */
export function startOf({ notBefore }: StoredKey): number {
  return notBefore === undefined ? 0 : (milliseconds(notBefore) ?? Number.POSITIVE_INFINITY)
}

/** When a key stops working, in milliseconds since the epoch; it has ended where the record cannot be read. */
export function endOf({ expiresAt }: StoredKey): number {
  return expiresAt === null ? Number.POSITIVE_INFINITY : (milliseconds(expiresAt) ?? 0)
}

/** Whether a key can still be used, now or later. */
export function isAlive(stored: StoredKey, now: number): boolean {
  return stored.revokedAt === undefined && endOf(stored) > now * 1000
}

/** The secret of the grace that is under way. */
export function graceSecret({ secrets: [, before] }: StoredKey, now: number): StoredSecret | undefined {
  return before?.until !== undefined && before.until > now ? before : undefined
}

/** For how many seconds the record is kept; `null` for ever. */
export function lifetimeOf({ expiresAt, revokedAt }: StoredKey, now: number): number | null {
  const ends = [expiresAt, revokedAt].filter((end) => typeof end === 'number')
  return ends.length === 0 ? null : Math.max(1, Math.min(...ends) + keptAfterEnd - now)
}

/** What people may see of it. */
export function toApiKey(stored: StoredKey, now: number): ApiKey {
  const { secrets, ...rest } = stored
  const { last4, generation } = secrets[0]
  const grace = graceSecret(stored, now)
  return { ...rest, last4, generation, ...(grace?.until !== undefined && { graceUntil: grace.until }) }
}

function milliseconds(seconds: unknown): number | undefined {
  return typeof seconds === 'number' && Number.isFinite(seconds) ? seconds * 1000 : undefined
}
