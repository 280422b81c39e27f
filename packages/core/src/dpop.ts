export { type Dpop, type DpopOptions, type DpopProof, dpop } from './lib/resource-server/dpop.js'
