export { createOAuthClient } from './lib/oauth-client/create-oauth-client.js'
export { OAuthClientError } from './lib/oauth-client/oauth-client-error.js'
export type {
  OAuthClient,
  OAuthClientOptions,
  OAuthFlow,
  OAuthTokens,
} from './lib/oauth-client/oauth-client-options.js'
export { clientCredentials } from './lib/upstream-token/client-credentials.js'
export { ConnectRequired } from './lib/upstream-token/connect-required.js'
export {
  type IdentityAssertionOptions,
  identityAssertion,
  type SubjectToken,
} from './lib/upstream-token/identity-assertion.js'
export type { UpstreamIssuerOptions } from './lib/upstream-token/token-endpoint.js'
export { type TokenExchangeOptions, tokenExchange } from './lib/upstream-token/token-exchange.js'
export { createVault } from './lib/vault/create-vault.js'
export type { Vault, VaultConnection, VaultOptions, VaultSignIn, VaultUpstream } from './lib/vault/vault-options.js'
