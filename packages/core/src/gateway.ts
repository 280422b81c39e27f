export type { GatewayPath } from './lib/contract/served-path.js'
export { createGateway, type Gateway } from './lib/gateway/create-gateway.js'
export type {
  GatewayOptions,
  LoggingOptions,
  ReadinessCheck,
  RouteOptions,
  ServerOptions,
} from './lib/gateway/gateway-options.js'
export { type CorsOptions, cors } from './lib/http/cors.js'
export { type JsonRpcErrorOptions, jsonRpcError } from './lib/http/json-rpc-error.js'
export { isLoopbackHost } from './lib/http/loopback.js'
export { type OriginCheckOptions, originCheck } from './lib/http/origin-check.js'
export { type RateLimit, type RateLimitOptions, rateLimit } from './lib/limits/rate-limit.js'
export { type FetchServer, fromFetchServer } from './lib/message/from-fetch-server.js'
export { type MessageOptions, message } from './lib/message/message-middleware.js'
export { type ParseMessageOptions, parseMessage } from './lib/message/parse-message.js'
export { type AddedServer, type ClientSetup, clientSetups } from './lib/pages/client-setups.js'
export type { PageLook } from './lib/pages/page-look.js'
export { type SetupPageOptions, setupPage } from './lib/pages/setup-page.js'
export { type RequireScopesOptions, requireScopes } from './lib/resource-server/require-scopes.js'
export { type IssuerAuthorityOptions, issuerAuthority } from './lib/tokens/issuer-authority.js'
export { type Actor, actorOf, principal } from './lib/tokens/principal.js'
