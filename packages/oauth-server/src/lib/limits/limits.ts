import type { Context, Storage } from '@mcp-gateway/core'
import { clientNetworks, createNetworkLimit, isLoopbackHost, Refusal } from '@mcp-gateway/core/internal'
import type { StorageKeys } from '../store/storage-keys.js'

const day = 86_400

/** Out of which part of a limit something was allowed: the one for all, or what is kept for networks that were quiet. */
export type Share = 'common' | 'quiet'

/**
 * Counts something that a stranger does, and says out of which part it was allowed.
 *
 * @throws {Refusal} with status 429
 */
export type Limit = (context: Context) => Promise<Share>

/** What strangers may do so often: what leaves a record behind, or makes this server fetch something. */
export interface Limits {
  /** Registrations, per hour and per day. */
  readonly registrations: Limit
  /** Answers on consent pages, each once, per lifetime of a login. */
  readonly logins: Limit
  /** Answers on login forms of the identity provider's own, per lifetime of a login. */
  readonly signIns: Limit
  /** Documents and key sets that nobody vouched for by approving the client, fetched per minute. */
  readonly fetches: Limit
  /** Documents of that kind that are kept, per hour. */
  readonly newDocuments: Limit
}

/** The part of the settings that the limits are made from. Durations in seconds. */
export interface LimitSettings {
  readonly loopback: boolean
  readonly lifetimes: { readonly login: number; readonly unusedClient: number }
  readonly registration: { readonly perAddress: number; readonly total: number }
  readonly loginLimits: { readonly perAddress: number; readonly total: number }
}

/** What the limits need to know. */
export interface LimitsOptions {
  readonly settings: LimitSettings
  readonly storage: Storage
  readonly keys: StorageKeys
  readonly clock: () => number
}

/**
 * Makes the limits on strangers: per network of the client and over all, in fixed windows, over all replicas. Addresses
 * come from the host alone, never from a header; where the host knows none, only the limit over all holds. Loopback
 * issuers have none on what is stored, since whoever reaches them is on this machine; but a page there may name documents too.
 */
export function createLimits({ settings, storage, keys, clock }: LimitsOptions): Limits {
  const { registration, loginLimits, lifetimes } = settings

  const always = (what: string, window: number, perAddress: number, total: number): Limit => {
    const key = (name: string, turn: number) => keys('limit', `${what} of ${name} of ${turn}`)
    const take = createNetworkLimit({ storage, key, limit: perAddress, window, total })
    return async ({ client }) => {
      const verdict = await take(client?.address === undefined ? [] : clientNetworks(client.address), clock())
      if (verdict.admitted) return verdict.reserved ? 'quiet' : 'common'
      throw new Refusal(429, 'temporarily_unavailable', `Too many ${what}; try again later`, {
        headers: { 'Retry-After': String(verdict.retryAfter) },
      })
    }
  }

  const limit: typeof always = (...what) => (settings.loopback ? async () => 'common' : always(...what))

  const registrationLimit = (): Limit => {
    const { perAddress, total } = registration
    const { unusedClient } = lifetimes
    const hourly = limit('registrations', 3600, perAddress, total)
    if (unusedClient > 0 && unusedClient <= 3600) return hourly
    // A day of hours would be more than some stores hold. Of a longer window a stranger could use up more than a day.
    const window = unusedClient === 0 ? day : Math.min(unusedClient, day)
    const waiting = limit('registrations of a day', window, (perAddress * window) / 3600, 2 * total)
    return async (context) => {
      await hourly(context)
      return waiting(context)
    }
  }

  const signIns = always('attempts to sign in', lifetimes.login, loginLimits.perAddress, loginLimits.total)

  return {
    registrations: registrationLimit(),
    logins: limit('logins', lifetimes.login, loginLimits.perAddress, loginLimits.total),
    signIns: async (context) => (settings.loopback && isThisMachine(context) ? 'common' : signIns(context)),
    fetches: always('client documents', 60, 30, 240),
    newDocuments: always('new client documents', 3600, 20, 200),
  }
}

/** Whether the host says so, or nothing. */
function isThisMachine({ client }: Context): boolean {
  const address = client?.address
  return address === undefined || isLoopbackHost(address.includes(':') ? `[${address}]` : address)
}
