/** How a client can authenticate (RFC 7591 section 2), by what the metadata advertises. */
export const authMethods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const

/** Algorithms of client assertions: asymmetric ones only. */
export const assertionAlgorithms: readonly string[] = ['ES256', 'RS256', 'PS256', 'EdDSA']
