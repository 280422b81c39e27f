export type { OutboundFetch, OutboundLimits } from './lib/outbound/bounded-fetch.js'
export type { OutboundBudget } from './lib/outbound/budget.js'
export { createOutboundFetch, type OutboundFetchOptions } from './lib/outbound/create-outbound-fetch.js'
