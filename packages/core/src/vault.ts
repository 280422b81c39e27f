export type { PageLook } from './lib/pages/page-look.js'
export { createVault } from './lib/vault/create-vault.js'
export type { Vault, VaultConnection, VaultOptions, VaultSignIn, VaultUpstream } from './lib/vault/vault-options.js'
