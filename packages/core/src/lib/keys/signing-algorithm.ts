/** The algorithms access tokens are signed with. `EdDSA` is Ed25519. */
export type SigningAlgorithm = 'ES256' | 'RS256' | 'EdDSA'
