export {
  createPinning,
  type HeldTool,
  type Pinning,
  type PinningOptions,
} from './lib/pinning/create-pinning.js'
export type { Difference } from './lib/pinning/definition.js'
export { type PinningHandlerOptions, pinningHandler } from './lib/pinning/pinning-handler.js'
export { type CachedOptions, cached } from './lib/policy/cached.js'
export { allOf, anyOf } from './lib/policy/combine.js'
export type { DecideOptions } from './lib/policy/decide.js'
export { type Explanation, explain } from './lib/policy/explain.js'
export type { LabelOptions } from './lib/policy/labels.js'
export { type PolicyOptions, policy } from './lib/policy/policy.js'
export type { RefusalForm } from './lib/policy/refusals.js'
export { type ShadowOptions, shadow } from './lib/policy/shadow.js'
export { type ToolSet, type ToolSetsOptions, type ToolSetTool, toolSets } from './lib/policy/tool-sets.js'
