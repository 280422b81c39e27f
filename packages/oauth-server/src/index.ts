export { type AuthorizationServer, createAuthorizationServer } from './lib/authorization-server.js'
export type { ConfiguredClient } from './lib/clients/configured-clients.js'
export type { GrantUser } from './lib/grants/grant.js'
export type { ResourceServer } from './lib/introspection/resource-server.js'
export { devLogin } from './lib/login/dev-login.js'
export { type GithubOptions, github } from './lib/login/github.js'
export type { GithubAllow } from './lib/login/github-allow.js'
export type {
  IdentityProvider,
  LoginAnswer,
  LoginField,
  LoginForm,
  LoginRefusal,
  LoginRequest,
  LoginResult,
  LoginStart,
  User,
} from './lib/login/identity-provider.js'
export { type IdTokenClaims, type OidcOptions, oidc } from './lib/login/oidc.js'
export type { AuthorizationServerOptions, Lifetimes, LoginLimits } from './lib/options.js'
export type { ConsentPageContent, PageOptions } from './lib/pages/page-options.js'
export type { RegistrationOptions } from './lib/registration/registration-options.js'
export type { SoftwareStatementIssuer } from './lib/registration/software-statement.js'
