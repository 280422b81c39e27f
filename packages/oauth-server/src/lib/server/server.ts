import type { Logger, Storage } from '@mcp-gateway/core'
import type { Cookies } from '@mcp-gateway/core/internal'
import type { SigningKeys } from '@mcp-gateway/core/keys'
import type { ClientKeySets } from '../client-metadata/client-key-sets.js'
import type { Resources } from '../client-metadata/resources.js'
import type { Limits } from '../limits/limits.js'
import type { ClientStore } from '../store/client-store.js'
import type { GrantUser } from '../store/grant.js'
import type { GrantStore } from '../store/grant-store.js'
import type { StorageKeys } from '../store/storage-keys.js'
import type { Tell } from './events.js'
import type { IdentityProvider } from './identity-provider.js'
import type { Settings } from './settings.js'

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
  readonly logger: Logger
  /** Tells what happened: to the log, and to `onEvent`. */
  readonly tell: Tell
  /** Seconds since the epoch. */
  readonly clock: () => number
}
