export type { AuthExtra, AuthInfo, TokenUse, TokenVerifier } from './lib/contract/auth-info.js'
export type { Authority, ResourceDescription } from './lib/contract/authority.js'
export type { Check, Degraded } from './lib/contract/check.js'
export { GatewayError, type GatewayErrorCode } from './lib/contract/gateway-error.js'
export type { Client, Context, Handler, Middleware, Mountable } from './lib/contract/handler.js'
export type { Logger } from './lib/contract/logger.js'
export type { Era, JsonRpcMessage, Message, MessageTransform } from './lib/contract/message.js'
export type {
  Decision,
  Policy,
  PolicyActor,
  PolicyFact,
  PolicyInput,
  PolicyResource,
  PolicySubject,
  ShadowDecision,
} from './lib/contract/policy.js'
export type { Observe, ObserveOption, RequestObserver } from './lib/contract/request-observer.js'
export {
  type RecordedAnswer,
  type RecordedMessage,
  type RecordedUpstream,
  type RequestDecision,
  type RequestRecord,
  type RequestRefusal,
  type RequestRoute,
  type RequestTimes,
  recordRefusal,
} from './lib/contract/request-record.js'
export type { ServedPath } from './lib/contract/served-path.js'
export type {
  Storage,
  StorageEntry,
  StorageListOptions,
  StoragePage,
  StorageWriteOptions,
} from './lib/contract/storage.js'
export { compose } from './lib/http/compose.js'
export { mountable } from './lib/http/mountable.js'
export { oauthError } from './lib/http/oauth-error.js'
export { respond } from './lib/http/respond.js'
export { type BearerAuthOptions, bearerAuth } from './lib/resource-server/bearer-auth.js'
export { type ChallengeOptions, challenge } from './lib/resource-server/challenge.js'
export { type ResourceMetadataOptions, resourceMetadata } from './lib/resource-server/resource-metadata.js'
export { resourceMetadataUrl } from './lib/resource-server/resource-url.js'
export type { ScopeHierarchy } from './lib/resource-server/scopes.js'
export { anyVerifier } from './lib/tokens/any-verifier.js'
export {
  createTokenVerifier,
  type TokenVerifierOptions,
} from './lib/tokens/create-token-verifier.js'
export type { IssuerOptions } from './lib/tokens/issuer-options.js'
export type { SubjectOption } from './lib/tokens/subject.js'
export { type SdkVerifier, toSdkVerifier } from './lib/tokens/to-sdk-verifier.js'
export type { Claims, TokenProfile } from './lib/tokens/token-profile.js'
export type { VerificationCacheOptions } from './lib/tokens/verified-token-cache.js'
