export { type AuthorizationServer, createAuthorizationServer } from './lib/authorization-server.js'
export type { ConfiguredClient } from './lib/client-metadata/configured-clients.js'
export type { SoftwareStatementIssuer } from './lib/client-metadata/software-statement.js'
export { devLogin } from './lib/identity-providers/dev-login.js'
export { type GithubOptions, github } from './lib/identity-providers/github.js'
export type { GithubAllow } from './lib/identity-providers/github-allow.js'
export { type IdTokenClaims, type OidcOptions, oidc } from './lib/identity-providers/oidc.js'
export type { AuthorizationEvent, AuthorizationEventType } from './lib/server/events.js'
export type {
  IdentityProvider,
  LoginAnswer,
  LoginField,
  LoginForm,
  LoginPrompt,
  LoginRefusal,
  LoginRequest,
  LoginResult,
  LoginStart,
  User,
} from './lib/server/identity-provider.js'
export type { AuthorizationServerOptions, Lifetimes, LoginLimits } from './lib/server/options.js'
export type { ConsentPageContent, PageOptions } from './lib/server/page-options.js'
export type { RegistrationOptions } from './lib/server/registration-options.js'
export type { ResourceServer } from './lib/server/resource-server.js'
export type { GrantUser } from './lib/store/grant.js'
