import type { Logger, Storage } from '@mcp-gateway/core'
import type { SigningKeys } from '@mcp-gateway/core/keys'
import type { Resources } from './authorize/resources.js'
import type { ClientKeySets } from './clients/client-key-sets.js'
import type { ClientStore } from './clients/client-store.js'
import type { GrantUser } from './grants/grant.js'
import type { GrantStore } from './grants/grant-store.js'
import type { Cookies } from './http/cookies.js'
import type { Limits } from './limits/limits.js'
import type { IdentityProvider } from './login/identity-provider.js'
import type { Settings } from './settings.js'
import type { StorageKeys } from './storage-keys.js'

/** What every endpoint of one authorization server shares. */
export interface Server {
  readonly settings: Settings
  readonly storage: Storage
  readonly keys: StorageKeys
  readonly signingKeys: SigningKeys
  readonly clients: ClientStore
  readonly grants: GrantStore
  readonly limits: Limits
  readonly resources: Resources
  readonly cookies: Cookies
  readonly identityProvider: IdentityProvider
  /** Key sets that clients name by address. */
  readonly clientKeySets: ClientKeySets
  /** The user as they are now, or `undefined` if not welcome; rejects with `temporarily_unavailable` when nobody can tell. */
  readonly checkUser: (user: GrantUser) => Promise<GrantUser | undefined>
  readonly logger: Logger | undefined
  /** Seconds since the epoch. */
  readonly clock: () => number
}
