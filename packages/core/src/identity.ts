export type { IdentitySource, IdentityTerms } from './lib/contract/identity-source.js'
export { type ForwardedIdentityOptions, forwardedIdentity } from './lib/identity/forwarded-identity.js'
export type { IdentityMiddleware } from './lib/identity/identity-middleware.js'
