export type { Guard, GuardEvent, GuardedCall, GuardFinding } from './lib/guards/guard.js'
export { type GuardsOptions, guards } from './lib/guards/guards.js'
export { personalData, type SizeGuardOptions, secrets, size, type TextGuardOptions } from './lib/guards/own-guards.js'
