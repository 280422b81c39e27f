export { type CachedOptions, cached } from './lib/policy/cached.js'
export { allOf, anyOf } from './lib/policy/combine.js'
export { type ShadowOptions, shadow } from './lib/policy/shadow.js'
export { type ToolSet, type ToolSetsOptions, type ToolSetTool, toolSets } from './lib/policy/tool-sets.js'
