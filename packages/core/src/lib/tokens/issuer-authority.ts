import type { Authority } from '../contract/authority.js'
import type { Degraded } from '../contract/check.js'
import { checkOptions, flag, type OptionTypes, optional } from '../contract/option-types.js'
import { audienceType } from '../contract/shared-option-types.js'
import { checkIssuerScheme } from './check-issuer-scheme.js'
import { verifierWithKeys } from './create-token-verifier.js'
import { type FindKey, issuerKeys } from './issuer-keys.js'
import type { IssuerOptions } from './issuer-options.js'
import { issuerTypes } from './issuer-types.js'

/** An issuer somewhere else, and what its tokens carry as their audience. */
export interface IssuerAuthorityOptions extends IssuerOptions {
  /**
   * What tokens must be meant for, for providers that cannot issue tokens for a resource's URL. Default: the resource
   * itself. With one audience for several servers, a token for one of them works at all of them.
   */
  readonly audience?: string | readonly string[]
  /**
   * Lets an issuer, or a `jwksUri`, of plain http stand behind a public URL. Whoever is on the way to it can make tokens for
   * every user, so set it only where that is a network of your own. On loopback it is not needed.
   *
   * @default false
   */
  readonly dangerouslyAllowHttpIssuer?: boolean
}

export const issuerAuthorityTypes: OptionTypes<IssuerAuthorityOptions> = {
  ...issuerTypes,
  audience: optional(audienceType),
  dangerouslyAllowHttpIssuer: optional(flag),
}

/**
 * An authority that lives elsewhere: verifies its tokens for the resources that it protects, all over one set of keys.
 * It has no routes of its own, and registers nothing with the issuer.
 *
 * `protect` throws `invalid_configuration` where a public resource would have an issuer or keys over plain http.
 *
 * @throws {GatewayError} `invalid_configuration` for an issuer that is no URL
 * @example
 * ```ts
 * const authority: Authority = issuerAuthority({ issuer: 'https://login.example.com' })
 * const verifier = authority.protect('https://mcp.example.com/notes/mcp')
 * ```
 */
export function issuerAuthority(options: IssuerAuthorityOptions): Authority {
  checkOptions('issuerAuthority', options, issuerAuthorityTypes)
  const findKey = issuerKeys(options)
  const { source } = findKey
  return {
    issuer: options.issuer,
    check: source && (() => checkSource(source)),
    dangerouslyAllowHttpIssuer: options.dangerouslyAllowHttpIssuer,
    protect(resource) {
      checkIssuerScheme(options, resource)
      return verifierWithKeys({ ...options, audience: options.audience ?? resource }, findKey)
    },
  }
}

/** Asks for the keys, unless that was done a moment ago. */
export async function checkSource(source: NonNullable<FindKey['source']>): Promise<Degraded | undefined> {
  await source.newer(await source.get())
  return source.failing ? { degraded: 'The issuer does not answer; its old keys are in use' } : undefined
}
