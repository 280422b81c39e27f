import type { Authority } from '../contract/authority.js'
import { checkOptions, type OptionTypes, optional } from '../contract/option-types.js'
import { audienceType } from '../contract/shared-option-types.js'
import { verifierWithKeys } from './create-token-verifier.js'
import { issuerKeys } from './issuer-keys.js'
import type { IssuerOptions } from './issuer-options.js'
import { issuerTypes } from './issuer-types.js'

/** An issuer somewhere else, and what its tokens carry as their audience. */
export interface IssuerAuthorityOptions extends IssuerOptions {
  /**
   * What tokens must be meant for, for providers that cannot issue tokens for a resource's URL. Default: the resource
   * itself. With one audience for several servers, a token for one of them works at all of them.
   */
  readonly audience?: string | readonly string[]
}

export const issuerAuthorityTypes: OptionTypes<IssuerAuthorityOptions> = {
  ...issuerTypes,
  audience: optional(audienceType),
}

/**
 * An authority that lives elsewhere: verifies its tokens for the resources that it protects, all over one set of keys.
 * It has no routes of its own, and registers nothing with the issuer.
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
  return {
    issuer: options.issuer,
    protect: (resource) => verifierWithKeys({ ...options, audience: options.audience ?? resource }, findKey),
  }
}
