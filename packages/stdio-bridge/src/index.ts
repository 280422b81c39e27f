export { createStdioBridge, type StdioBridge } from './lib/create-stdio-bridge.js'
export type { StdioBridgeOptions } from './lib/options/options.js'
export type { BridgeSession } from './lib/sessions/operator-sessions.js'
export type { BridgeStats } from './lib/stats.js'
