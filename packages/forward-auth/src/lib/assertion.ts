import type { AuthInfo } from '@mcp-gateway/core'
import { actorOf, invalidConfiguration } from '@mcp-gateway/core/internal'
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
   * Where the public keys are served.
   *
   * @default /.well-known/forward-auth-jwks.json
   */
  readonly jwksPath?: string
}

/** Gives the assertion about a caller. */
export type Assert = (auth: AuthInfo) => Promise<string>

/**
 * Makes assertions for one resource: a JWT with `iss` (the public URL), `aud` (the resource), `sub` (the user; not there where
 * a client acts for itself), `client_id`,
 * `scope`, `roles`, `groups`, the token's `name`, `preferred_username` and `email`, `iat` and `exp`, and the type
 * `identity+jwt`, which no access token has. One assertion serves the requests with one token during half its life.
 */
export function asserter(issuer: string, resource: string, keys: SigningKeys, lifetime: number): Assert {
  if (!(lifetime >= 5 && lifetime <= 300)) {
    throw invalidConfiguration('assertion.lifetime must be between 5 and 300 seconds')
  }
  const made: Remembered<Made> = new WeakMap()
  return async (auth) => {
    const now = Math.floor(Date.now() / 1000)
    const slot = remembered(made, auth, () => ({ until: 0 })) as Made
    if (slot.value === undefined || now >= slot.until) {
      const expires = Math.min(now + lifetime, auth.expiresAt ?? now)
      const times = { iss: issuer, aud: resource, iat: now, exp: expires }
      slot.until = Math.floor((now + expires) / 2)
      slot.value = keys.sign({ ...claims(auth), ...times }, { typ: 'identity+jwt' })
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
  }
}
