export { type Dpop, type DpopOptions, type DpopProof, dpop } from './lib/verify/dpop.js'
