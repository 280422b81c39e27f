/**
 * Outside semver, for sibling packages only: what this repository's own packages share. It may change or go in any
 * release, also in a patch.
 *
 * @module
 */

export { BoundedMap } from './lib/cache/bounded-map.js'
export { KeyCounter } from './lib/cache/key-counter.js'
export { type ScannedLists, scanLists } from './lib/catalogue/scan-lists.js'
export { invalidConfiguration, wrongOption } from './lib/contract/invalid-configuration.js'
export { observeType } from './lib/contract/observe-type.js'
export {
  anyOf,
  callable,
  checkOptions,
  filledText,
  flag,
  listOf,
  membersOf,
  notNegative,
  type OptionType,
  type OptionTypes,
  object,
  oneOf,
  optional,
  positive,
  recordOf,
  text,
  textList,
  withMethods,
} from './lib/contract/option-types.js'
export { isRefusal, Refusal, type RefusalOptions } from './lib/contract/refusal.js'
export { loggerType, storageType, subjectType } from './lib/contract/shared-option-types.js'
export { type AccessLog, createAccessLog, withRequestId } from './lib/gateway/access-log.js'
export { FieldLogger } from './lib/gateway/request-id.js'
export { accepts } from './lib/http/accepts.js'
export type { ByteBudget } from './lib/http/byte-budget.js'
export { ByteBuffer, type ByteBufferOptions } from './lib/http/byte-buffer.js'
export { type ClientNetwork, clientNetworks } from './lib/http/client-networks.js'
export { hostCheck } from './lib/http/host-check.js'
export { type JsonRpcErrorOptions, jsonRpcError } from './lib/http/json-rpc-error.js'
export { isLoopbackHost } from './lib/http/loopback.js'
export { isMediaType } from './lib/http/media-type.js'
export { openCors, openPreflight } from './lib/http/open-cors.js'
export { foreignPage, isForeign, isUnjudged } from './lib/http/origin-check.js'
export { foldPath, isMalformedQuery, type PathFault, pathFault, pathOf } from './lib/http/path-fault.js'
export { createProbes, type ProbeOptions, type Probes, type ReadinessPart } from './lib/http/probes.js'
export { readBody } from './lib/http/read-body.js'
export { requestPath } from './lib/http/request-path.js'
export { requestWithBody } from './lib/http/request-with-body.js'
export { type RawAnswer, rawNotification, rawRequest, rawResponse, requestHead } from './lib/json/json-rpc.js'
export { member, type Span, scanArray, scanObject, skipSpace } from './lib/json/json-scan.js'
export { at, parseSpan, rawJson } from './lib/json/raw-json.js'
export { type Edit, splice } from './lib/json/splice.js'
export { hasUsualSize } from './lib/keys/key-size.js'
export { isLoopbackIssuer } from './lib/keys/loopback-issuer.js'
export { isCompact } from './lib/keys/token-spelling.js'
export { createNetworkLimit, type NetworkLimitOptions, type NetworkVerdict } from './lib/limits/network-limit.js'
export { redactText } from './lib/logging/redact.js'
export { applyTransforms } from './lib/message/apply-transforms.js'
export { type KnownMember, knownMembers, named, scanKnownMembers } from './lib/message/known-members.js'
export { type MessageParts, messageParts } from './lib/message/message-parts.js'
export { type MethodSubject, methodSubject, similarMethod } from './lib/message/subjects.js'
export { transformResponse } from './lib/message/transform-response.js'
export { checkNodeArguments } from './lib/mounts/node/check-arguments.js'
export { isPublicAddress } from './lib/outbound/public-address.js'
export { type Cookies, createCookies, readCookie } from './lib/pages/cookies.js'
export { foreign, Html, html, longestName, rawHtml } from './lib/pages/html.js'
export { oldestCookies } from './lib/pages/oldest-cookies.js'
export { isOwnForm, type OwnFormOptions } from './lib/pages/own-form.js'
export { type Page, pageResponse } from './lib/pages/page.js'
export { linkType, type PageLook, pageLookTypes } from './lib/pages/page-look.js'
export { type Asker, inputOf } from './lib/policy/asker.js'
export { type DecideOptions, decide, decideAll } from './lib/policy/decide.js'
export { policyEnv, policySubject } from './lib/policy/policy-subject.js'
export { type Denial, denied, readDecision, undecided } from './lib/policy/read-decision.js'
export { policyUnavailable, recordDecision } from './lib/policy/record-decision.js'
export { hiddenReason } from './lib/policy/refusals.js'
export { subjectClass } from './lib/policy/subject-class.js'
export { type Filtered, isVisible, visibleOnly } from './lib/policy/visible-only.js'
export { errorCodes, gatewayCode, isModernCode, statusOfCode } from './lib/protocol/error-codes.js'
export { gatewayInfo } from './lib/protocol/gateway-info.js'
export { decodeHeaderValue, isEncodedValue } from './lib/protocol/header-value.js'
export { metaKeys } from './lib/protocol/meta-keys.js'
export { canBeAsked, mayRequireInput } from './lib/protocol/methods.js'
export {
  assumedVersion,
  eraOf,
  factsOf,
  firstModern,
  legacyVersions,
  modernVersions,
  newestLegacy,
  newestModern,
  newestShared,
} from './lib/protocol/revisions.js'
export { checkGrantable } from './lib/resource-server/check-grantable.js'
export { checkIssuedResource } from './lib/resource-server/issued-resource.js'
export { wellKnown } from './lib/resource-server/resource-url.js'
export { checkByWriting, checkStorage } from './lib/storage/check-storage.js'
export { assertPageLimit, assertStorageKey, lifetimeInMilliseconds } from './lib/storage/storage-arguments.js'
export {
  announcedTask,
  type NamedTasks,
  namedTasks,
  ownTasksOnly,
  taskOfNotification,
} from './lib/tasks/task-messages.js'
export {
  type KnownTask,
  TaskOwners,
  type TaskOwnersOptions,
} from './lib/tasks/task-owners.js'
export { toBase64Url } from './lib/text/base64-url.js'
export { displayText } from './lib/text/display-text.js'
export { randomToken } from './lib/text/random-token.js'
export { sha256, sha256Hex } from './lib/text/sha256.js'
export { authType } from './lib/tokens/authority-type.js'
export { checkIssuerScheme } from './lib/tokens/check-issuer-scheme.js'
export { type IdentityValues, identityValues } from './lib/tokens/identity-headers.js'
export { issuerAuthority } from './lib/tokens/issuer-authority.js'
export { issuerMetadataPaths } from './lib/tokens/issuer-metadata-paths.js'
export { isSameOwner, type Owner, ownerOf } from './lib/tokens/owner.js'
export { actorOf, principal } from './lib/tokens/principal.js'
