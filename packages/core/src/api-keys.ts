export type {
  ApiKey,
  ApiKeyOwner,
  ApiKeyPage,
  ApiKeyPerson,
  ApiKeyServiceAccount,
  ApiKeySettings,
  CreateApiKeyOptions,
  ListApiKeysOptions,
  NewApiKey,
  OwnerRights,
  RevokeApiKeyOptions,
  RotateApiKeyOptions,
  UpdateApiKeyOptions,
} from './lib/api-keys/api-key.js'
export {
  type ApiKeyManagement,
  type ApiKeyManagementOptions,
  createApiKeyManagement,
} from './lib/api-keys/api-key-management.js'
export { apiKeyPolicy } from './lib/api-keys/api-key-policy.js'
export {
  type ApiKeyVerifier,
  type ApiKeyVerifierOptions,
  createApiKeyVerifier,
} from './lib/api-keys/api-key-verifier.js'
export { type ApiKeys, type ApiKeysOptions, createApiKeys } from './lib/api-keys/create-api-keys.js'
export { type DemoKeyOptions, dangerouslyDemoKey } from './lib/api-keys/demo-key.js'
export type { ApiKeyPepper } from './lib/api-keys/key-hash.js'
export type { ApiKeyRefusalReason, ApiKeySource, IdentifiedKey, KeyLimits } from './lib/api-keys/key-source.js'
export { type ApiKeysFromFolderOptions, apiKeysFromFolder } from './lib/api-keys/keys-from-folder.js'
export { type LeakedKey, type SecretScanningOptions, secretScanning } from './lib/api-keys/secret-scanning.js'
