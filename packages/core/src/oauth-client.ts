export { createOAuthClient } from './lib/oauth-client/create-oauth-client.js'
export { OAuthClientError } from './lib/oauth-client/oauth-client-error.js'
export type {
  OAuthClient,
  OAuthClientOptions,
  OAuthFlow,
  OAuthTokens,
} from './lib/oauth-client/oauth-client-options.js'
