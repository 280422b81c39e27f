import {
  authType,
  callable,
  filledText,
  flag,
  loggerType,
  membersOf,
  type OptionTypes,
  observeType,
  oneOf,
  optional,
  positive,
  recordOf,
  subjectType,
  text,
  textList,
  withMethods,
} from '@mcp-gateway/core/internal'
import type { AssertionOptions } from './assertion.js'
import type { ForwardAuthOptions, ForwardAuthServer } from './forward-auth-options.js'
import type { IdentityHeaderNames } from './identity-headers.js'

const server: OptionTypes<ForwardAuthServer> = {
  requiredScopes: optional(textList),
  scopesSupported: optional(textList),
  name: optional(text),
  policy: optional(callable),
  olderRevisions: optional(oneOf('refuse', 'whole-server')),
  subpaths: optional(flag),
}

export const forwardAuthTypes: OptionTypes<ForwardAuthOptions> = {
  url: filledText,
  auth: authType,
  subject: optional(subjectType),
  dialect: oneOf('forwarded', 'original', 'ext-authz'),
  servers: recordOf(membersOf(server), 'an object with the settings of each server by its path'),
  path: optional(text),
  headers: optional(
    membersOf<IdentityHeaderNames>({
      userId: optional(filledText),
      userName: optional(filledText),
      userEmail: optional(filledText),
      roles: optional(filledText),
      scopes: optional(filledText),
      clientId: optional(filledText),
    }),
  ),
  dpop: optional(withMethods('dpop({ storage })', 'prove')),
  assertion: optional(
    membersOf<AssertionOptions>({
      keys: withMethods('createSigningKeys(…)', 'sign', 'jwks'),
      header: optional(filledText),
      lifetime: optional(positive),
      singleUse: optional(flag),
      jwksPath: optional(text),
    }),
  ),
  allowedOrigins: optional(textList),
  allowedHosts: optional(textList),
  logger: optional(loggerType),
  logging: optional(membersOf<{ userKey: unknown }>({ userKey: optional(text) })),
  observe: optional(observeType),
}
