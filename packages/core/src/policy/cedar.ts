export { type CedarOptions, type CedarPolicy, cedar } from '../lib/policy/engines/cedar/cedar.js'
export type { CedarPolicies } from '../lib/policy/engines/cedar/cedar-policies.js'
export type { CedarEntity, CedarUid, CedarValue } from '../lib/policy/engines/cedar/cedar-request.js'
export { type CedarSchemaOptions, cedarSchema } from '../lib/policy/engines/cedar/cedar-schema.js'
