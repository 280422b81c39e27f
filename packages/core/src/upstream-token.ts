export { clientCredentials } from './lib/upstream-token/client-credentials.js'
export { connectPrompt } from './lib/upstream-token/connect-prompt.js'
export { ConnectRequired } from './lib/upstream-token/connect-required.js'
export {
  type IdentityAssertionOptions,
  identityAssertion,
  type SubjectToken,
} from './lib/upstream-token/identity-assertion.js'
export type { UpstreamIssuerOptions } from './lib/upstream-token/token-endpoint.js'
export { type TokenExchangeOptions, tokenExchange } from './lib/upstream-token/token-exchange.js'
export type { UpstreamToken, UpstreamTokenPrompt } from './lib/upstream-token/upstream-token.js'
