import type { AuthInfo } from '@mcp-gateway/core'
import { actorOf, invalidConfiguration, randomToken } from '@mcp-gateway/core/internal'
import type { SigningKeys } from '@mcp-gateway/core/keys'
import { type Remembered, remembered } from './remembered.js'

/** How the upstream is told who calls in a way that it can check. */
export interface AssertionOptions {
  /** Signs the assertions; `createSigningKeys` of `@mcp-gateway/core/keys`. */
  readonly keys: SigningKeys
  /**
   * The header.
   *
   * @default X-Identity-Assertion
   */
  readonly header?: string
  /**
   * How long an assertion is good for, in seconds, between 5 and 300. Never longer than the token.
   *
   * @default 60
   */
  readonly lifetime?: number
  /**
   * Makes an assertion for each request, which the server behind can take once: with the `storage` of `forwardedIdentity` in
   * `@mcp-gateway/core/identity`. It costs a signature per request.
   *
   * @default false
   */
  readonly singleUse?: boolean
  /**
   * Where the public keys are served.
   *
   * @default /.well-known/forward-auth-jwks.json
   */
  readonly jwksPath?: string
}

/** Gives the assertion about a caller. */
export type Assert = (auth: AuthInfo) => Promise<string>

/** What all assertions for one resource have in common. */
export interface AsserterOptions {
  readonly issuer: string
  readonly resource: string
  readonly keys: SigningKeys
  /** In seconds. */
  readonly lifetime: number
  readonly singleUse: boolean
}

/**
 * Makes assertions for one resource: a JWT with `iss` (the public URL), `aud` (the resource), `sub` (the user; not there where
 * a client acts for itself), `client_id`, `scope`, `roles`, `groups`, the token's `name`, `preferred_username` and `email`, its
 * issuer and expiry (`token_iss`, `token_exp`), `jti`, `iat` and `exp`, and the type `identity+jwt`, which no access token has.
 * Unless it is for single use, one assertion serves the requests with one token during half its life.
 */
export function asserter({ issuer, resource, keys, lifetime, singleUse }: AsserterOptions): Assert {
  if (!(lifetime >= 5 && lifetime <= 300)) {
    throw invalidConfiguration('assertion.lifetime must be between 5 and 300 seconds')
  }
  const sign = (auth: AuthInfo, iat: number, exp: number): Promise<string> =>
    keys.sign({ ...claims(auth), iss: issuer, aud: resource, jti: randomToken(), iat, exp }, { typ: 'identity+jwt' })
  const made: Remembered<Made> = new WeakMap()
  return async (auth) => {
    const now = Math.floor(Date.now() / 1000)
    const expires = Math.min(now + lifetime, auth.expiresAt ?? now)
    if (singleUse) return sign(auth, now, expires)
    const slot = remembered(made, auth, () => ({ until: 0 })) as Made
    if (slot.value === undefined || now >= slot.until) {
      slot.until = Math.floor((now + expires) / 2)
      slot.value = sign(auth, now, expires)
      slot.value.catch(() => {
        slot.value = undefined
      })
    }
    return slot.value
  }
}

interface Made {
  value?: Promise<string>
  /** When a new one is due, in seconds since the epoch. */
  until: number
}

function claims(auth: AuthInfo): Record<string, unknown> {
  const { extra, clientId, scopes } = auth
  const actor = actorOf(auth)
  const known = (typeof extra?.claims === 'object' ? extra.claims : {}) as Record<string, unknown>
  return {
    sub: actor?.kind === 'user' ? actor.id : undefined,
    client_id: clientId,
    scope: scopes.join(' '),
    roles: extra?.roles ?? [],
    groups: extra?.groups ?? [],
    name: known.name,
    preferred_username: known.preferred_username,
    email: known.email,
    token_iss: issuerOf(auth),
    token_exp: auth.expiresAt,
  }
}

/** Users are told apart by it: a server behind must not take those of two issuers for one. */
function issuerOf({ extra }: AuthInfo): string | undefined {
  if (typeof extra?.issuer === 'string') return extra.issuer
  // `anyVerifier` numbers those of its verifiers that name no issuer
  return typeof extra?.verifier === 'number' ? `verifier ${extra.verifier}` : undefined
}
