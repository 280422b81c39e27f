import { wrongOption } from '../contract/invalid-configuration.js'
import { callable, filledText, membersOf, type OptionType, optional } from '../contract/option-types.js'
import { issuerAuthorityTypes } from './issuer-authority.js'

const issuerOptions = membersOf(issuerAuthorityTypes)

/** An authority, or what `issuerAuthority` makes one of. */
export const authType: OptionType = (value, name) => {
  if (typeof value !== 'object' || value === null) {
    throw wrongOption(name, value, "{ issuer: 'https://…' }, or an authority such as createAuthorizationServer(…)")
  }
  if ('protect' in value) authority(value, name)
  else issuerOptions(value, name)
}

const authority: OptionType = membersOf<{ issuer: unknown; tokenHeader: unknown; protect: unknown }>({
  issuer: optional(filledText),
  tokenHeader: optional(filledText),
  protect: callable,
})
