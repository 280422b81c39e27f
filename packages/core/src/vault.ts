export { createVault } from './lib/vault/create-vault.js'
export type { Vault, VaultConnection, VaultOptions, VaultSignIn, VaultUpstream } from './lib/vault/vault-options.js'
