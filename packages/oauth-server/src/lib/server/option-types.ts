import {
  anyOf,
  callable,
  filledText,
  flag,
  linkType,
  listOf,
  loggerType,
  membersOf,
  notNegative,
  type OptionTypes,
  object,
  observeType,
  oneOf,
  optional,
  pageLookTypes,
  positive,
  recordOf,
  storageType,
  text,
  textList,
  withMethods,
} from '@mcp-gateway/core/internal'
import type { ConfiguredClient } from '../client-metadata/configured-clients.js'
import type { NamedResource } from '../client-metadata/resources.js'
import type { SoftwareStatementIssuer } from '../client-metadata/software-statement.js'
import type { IdentityProvider } from './identity-provider.js'
import type { AuthorizationServerOptions, Lifetimes, LoginLimits } from './options.js'
import type { PageOptions } from './page-options.js'
import type { RegistrationOptions } from './registration-options.js'
import type { ResourceServer } from './resource-server.js'

const lifetimes: OptionTypes<Lifetimes> = {
  code: optional(notNegative),
  accessToken: optional(notNegative),
  refreshTokenIdle: optional(notNegative),
  grant: optional(notNegative),
  grantWithRights: optional(notNegative),
  refreshReplay: optional(notNegative),
  client: optional(notNegative),
  unusedClient: optional(notNegative),
  login: optional(notNegative),
  session: optional(notNegative),
  consent: optional(notNegative),
  revocationDelay: optional(notNegative),
}

const registration: OptionTypes<RegistrationOptions> = {
  redirectHosts: optional(
    anyOf("'any-host', 'known-hosts' or a list of hosts", oneOf('any-host', 'known-hosts'), textList),
  ),
  privateUseRedirectUris: optional(textList),
  initialAccessTokens: optional(textList),
  softwareStatements: optional(listOf(membersOf<SoftwareStatementIssuer>({ issuer: filledText, jwks: object }))),
  perAddress: optional(positive),
  total: optional(positive),
}

const provider = membersOf<Pick<IdentityProvider, 'name' | 'title' | 'postsAnswer' | 'validate'>>({
  name: filledText,
  title: text,
  postsAnswer: optional(flag),
  validate: optional(callable),
})

export const authorizationServerTypes: OptionTypes<AuthorizationServerOptions> = {
  issuer: filledText,
  storage: storageType,
  dangerouslyAllowSingleProcessStorage: optional(flag),
  identityProvider: (value, name) => {
    withMethods('github(…), oidc(…), or devLogin() on loopback', 'begin', 'complete')(value, name)
    provider(value, name)
  },
  resources: optional(
    listOf(
      anyOf('a URL or { url, name }', text, membersOf<NamedResource>({ url: filledText, name: filledText })),
      'a list of URLs, or of { url, name }',
    ),
  ),
  defaultResource: optional(filledText),
  scopes: optional(recordOf(text, 'an object with a description for each scope')),
  defaultScopes: optional(textList),
  optionalScopes: optional(textList),
  encryptionKeys: optional(textList),
  signingKeys: optional(withMethods('createSigningKeys(…)', 'sign', 'jwks')),
  accessTokens: optional(oneOf('jwt', 'opaque')),
  lifetimes: optional(membersOf(lifetimes)),
  registration: optional((value, name) => {
    if (value !== false) membersOf(registration)(value, name)
  }),
  loginLimits: optional(
    membersOf<LoginLimits>({
      perAddress: optional(positive),
      total: optional(positive),
      perAccount: optional(positive),
    }),
  ),
  clients: optional(
    listOf(
      membersOf<Pick<ConfiguredClient, 'client_id' | 'client_secret'>>({
        client_id: filledText,
        client_secret: optional(text),
      }),
    ),
  ),
  clientDocuments: optional(anyOf('true, false, or a list of origins', flag, textList)),
  transport: optional(callable),
  resourceServers: optional(
    listOf(membersOf<ResourceServer>({ client_id: filledText, client_secret: text, resources: textList })),
  ),
  checkUser: optional(callable),
  allowedHosts: optional(textList),
  pages: optional(
    membersOf<PageOptions>({ ...pageLookTypes, revokeUrl: optional(linkType), consent: optional(callable) }),
  ),
  logger: optional(loggerType),
  logging: optional(membersOf<{ userKey: unknown }>({ userKey: optional(text) })),
  onEvent: optional(callable),
  observe: optional(observeType),
  now: optional(callable),
}
