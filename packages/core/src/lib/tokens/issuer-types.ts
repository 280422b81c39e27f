import {
  anyOf,
  callable,
  filledText,
  listOf,
  membersOf,
  notNegative,
  type OptionTypes,
  object,
  optional,
  positive,
  text,
  textList,
} from '../contract/option-types.js'
import type { IssuerOptions } from './issuer-options.js'
import type { TokenProfile } from './token-profile.js'
import type { VerificationCacheOptions } from './verified-token-cache.js'

export const cacheTypes: OptionTypes<VerificationCacheOptions> = {
  cacheSize: optional(notNegative),
  isRevoked: optional(callable),
  revocationMaxAge: optional(notNegative),
}

const profile: OptionTypes<TokenProfile> = {
  types: textList,
  requiredClaims: textList,
  issuers: optional(textList),
  clientId: callable,
  subject: optional(callable),
  audience: optional(callable),
  scopes: optional(callable),
  roles: optional(callable),
  groups: optional(callable),
  accept: optional(callable),
}

/** What a preset is told beside what it is of. */
export const presetTypes: OptionTypes<Omit<IssuerOptions, 'issuer' | 'profile'>> = {
  ...cacheTypes,
  jwks: optional(
    anyOf(
      'a JWK Set such as { keys: [] }, or a function',
      callable,
      membersOf<{ keys: unknown }>({ keys: listOf(object) }),
    ),
  ),
  jwksUri: optional(text),
  fetch: optional(callable),
  jwksMaxAge: optional(positive),
  algorithms: optional(textList),
  clockTolerance: optional(notNegative),
}

/** What every way to verify the tokens of an issuer is told. */
export const issuerTypes: OptionTypes<IssuerOptions> = {
  ...presetTypes,
  issuer: filledText,
  profile: optional(membersOf(profile)),
}
