import { GatewayError } from '../contract/gateway-error.js'
import type { Context } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { OAuthClientError } from '../oauth-client/oauth-client-error.js'
import type { OAuthClient } from '../oauth-client/oauth-client-options.js'
import { sharesPromises } from '../runtime/shares-promises.js'
import { principal } from '../tokens/principal.js'
import { connectPrompt } from '../upstream-token/connect-prompt.js'
import { ConnectRequired } from '../upstream-token/connect-required.js'
import type { UpstreamToken } from '../upstream-token/upstream-token.js'
import type { Grant, Grants, StoredGrant } from './grants.js'
import { issued } from './issued.js'

/** What a vault knows of one upstream. */
export interface VaultAccess {
  readonly upstream: string
  readonly client: OAuthClient
  readonly grants: Grants
  readonly now: () => number
  /** What to tell a user who has no grant. */
  readonly connect: { readonly url: string; readonly title: string }
}

/** How long a replica may take to refresh before another one tries, in ms; longer than the request is allowed to. */
const claim = 40_000
/** How long to wait for another replica before its result is looked for again, in ms. */
const pause = 100

/**
 * Gives the access token that the caller's own account at an upstream has. It is refreshed before it ends: of callers in
 * one process one does it, and of several replicas the one that has put its claim on the record, since an upstream that
 * rotates refresh tokens takes the second use of one for theft.
 */
export function vaultToken(access: VaultAccess): UpstreamToken {
  const { upstream, grants, now } = access
  const flights = new Map<string, Promise<string>>()
  const keyOf = async ({ auth }: Context): Promise<string> => {
    if (auth !== undefined) return grants.key(principal(auth), upstream)
    throw invalidConfiguration('The vault needs a caller: put the proxy behind bearerAuth')
  }

  return {
    isPerUser: true,
    prompt: connectPrompt,

    async get(context) {
      const key = await keyOf(context)
      const stored = await grants.read(key)
      if (stored === undefined) throw new ConnectRequired(access.connect)
      if (isFresh(stored.grant, now())) return stored.grant.accessToken
      if (!sharesPromises()) return renew(access, key)
      let flight = flights.get(key)
      if (flight === undefined) {
        flight = renew(access, key).finally(() => flights.delete(key))
        flights.set(key, flight)
      }
      return flight
    },

    async drop(context, token, again) {
      const stored = await grants.read(await keyOf(context))
      // Another request may have brought a newer token meanwhile
      if (stored === undefined || stored.grant.accessToken !== token) return
      if (again || stored.grant.refreshToken === undefined) {
        context.logger?.info({ upstream }, 'an upstream takes no token of a user any more; the grant is dropped')
        await grants.end(stored)
        throw new ConnectRequired(access.connect)
      }
      await grants.replace(stored, { ...stored.grant, expiresAt: 0, freshUntil: 0 })
    },
  }
}

function isFresh({ freshUntil }: Grant, now: number): boolean {
  return freshUntil === undefined || now < freshUntil
}

/** Reads, claims or waits until there is a fresh token, or none can be had. */
async function renew(access: VaultAccess, key: string): Promise<string> {
  const { grants, now } = access
  // Bounded by the claims of others, which end; the factor leaves room for one that dies
  let claimant: string | undefined
  let since = 0
  let first: string | undefined
  for (let waited = 0; waited < 3 * claim; ) {
    const stored = await grants.read(key)
    if (stored === undefined) throw new ConnectRequired(access.connect)
    const { grant } = stored
    if (isFresh(grant, now())) return grant.accessToken
    // Given while this call waited: it is tried once, however short its life
    first ??= grant.accessToken
    if (grant.accessToken !== first && grant.refreshing === undefined) return grant.accessToken
    if (grant.refreshing?.by !== claimant) {
      claimant = grant.refreshing?.by
      since = waited
    }
    // A clock that is ahead writes claims that end in hours: none is believed for longer than it can be good.
    if (grant.refreshing !== undefined && now() < grant.refreshing.until && waited - since < claim) {
      if (isUsable(grant, now())) return grant.accessToken
      await new Promise((resolve) => setTimeout(resolve, pause))
      waited += pause
      continue
    }
    const by = crypto.randomUUID()
    if (await grants.replace(stored, { ...grant, refreshing: { by, until: now() + claim } })) {
      const given = await refresh(access, key, by)
      // An upstream may give a token that is due at once (`"expires_in": 0`); asking again would never end
      if (given !== undefined) return given
    }
  }
  throw new GatewayError('temporarily_unavailable', `No token for ${access.upstream}: another refresh does not end`)
}

/** Whether the token still works, although a new one is due. */
function isUsable({ expiresAt = 0 }: Grant, now: number): boolean {
  return now < expiresAt
}

/**
 * Asks the upstream for a new token, and writes down what it said, unless the claim is somebody else's by now.
 *
 * @returns the token that was given and written down
 */
async function refresh(access: VaultAccess, key: string, by: string): Promise<string | undefined> {
  const { client, grants, now, upstream } = access
  const ours = async (): Promise<StoredGrant | undefined> => {
    const stored = await grants.read(key)
    return stored?.grant.refreshing?.by === by ? stored : undefined
  }
  const before = await ours()
  if (before === undefined) return undefined
  const { refreshing: _claim, ...grant } = before.grant
  if (grant.refreshToken === undefined) {
    await grants.end(before)
    return undefined
  }
  try {
    const tokens = await client.refresh(grant.refreshToken)
    const next = { ...grant, ...issued(tokens, now()), refreshToken: tokens.refreshToken ?? grant.refreshToken }
    const stored = await ours()
    return stored !== undefined && (await grants.replace(stored, next)) ? next.accessToken : undefined
  } catch (cause) {
    const stored = await ours()
    const error = cause instanceof OAuthClientError ? cause.error : undefined
    if (error === 'invalid_grant') {
      if (stored !== undefined) await grants.end(stored)
      return undefined
    }
    if (isUsable(grant, now())) {
      // Not asked again with every request while it is down
      const later = Math.min(now() + 5000, grant.expiresAt ?? 0)
      if (stored !== undefined) await grants.replace(stored, { ...grant, freshUntil: later })
      return undefined
    }
    if (stored !== undefined) await grants.replace(stored, grant)
    const code =
      error === undefined || error === 'temporarily_unavailable' ? 'temporarily_unavailable' : 'outbound_refused'
    throw new GatewayError(code, `No token for ${upstream}`, { cause })
  }
}
