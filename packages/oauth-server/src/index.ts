export { type AuthorizationServer, createAuthorizationServer } from './lib/authorization-server.js'
export { devLogin } from './lib/login/dev-login.js'
export type {
  IdentityProvider,
  LoginAnswer,
  LoginField,
  LoginRequest,
  LoginResult,
  LoginStart,
  User,
} from './lib/login/identity-provider.js'
export type { AuthorizationServerOptions, Lifetimes, RegistrationLimits } from './lib/options.js'
