export type { SigningAlgorithm } from './lib/keys/signing-algorithm.js'
export { createSigningKeys, type SigningKeys, type SigningKeysOptions } from './lib/keys/signing-keys.js'
