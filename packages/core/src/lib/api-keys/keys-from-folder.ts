import { isWithin } from '../cache/is-within.js'
import { GatewayError } from '../contract/gateway-error.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { Logger } from '../contract/logger.js'
import { checkOptions, filledText, notNegative, type OptionTypes, optional } from '../contract/option-types.js'
import { loggerType } from '../contract/shared-option-types.js'
import { isEqual, keyHasher } from './key-hash.js'
import { ApiKeyRefusal, type ApiKeySource, type IdentifiedKey } from './key-source.js'
import { mountedSecrets, type SecretFolder } from './mounted-secrets.js'

/** Where mounted keys are, and whose. */
export interface ApiKeysFromFolderOptions {
  /**
   * Who issues the ids of persons (`keycloak-user-id`). Left out, the keys count as those of service accounts, named by that id or
   * else by `username`.
   */
  readonly issuer?: string
  /**
   * For how many seconds the folder is believed to be unchanged. A key that was removed works at most so much longer.
   *
   * @default 1
   */
  readonly maxAge?: number
  /** Where it is written down which keys cannot be used, and why. */
  readonly logger?: Logger
}

const types: OptionTypes<ApiKeysFromFolderOptions> = {
  issuer: optional(filledText),
  maxAge: optional(notNegative),
  logger: optional(loggerType),
}

interface FolderKey {
  readonly hash: string
  readonly key: Omit<IdentifiedKey, 'worksAt' | 'worksFrom'>
}

const isKey = /^[0-9a-f]{64}$/

/**
 * Takes API keys from mounted Kubernetes Secrets: one folder for each key with the files `key` (64 hexadecimal digits), `username`,
 * `roles` (separated by commas), `created-at`, `expires-at` (a time such as `2027-01-31T00:00:00Z`, or `never`) and
 * `keycloak-user-id`; or one such folder itself. The name of the folder is the id of the key. The keys have roles and no scopes.
 *
 * It reads the folder when a key comes and again when it has changed, also where a mount exchanges `..data`; it starts no timer. A
 * key whose times cannot be read, or that is there twice, does not work, and the log says which. In memory are hashes alone.
 * While the folder cannot be read, no key can be checked: 503.
 *
 * Node only. It makes, changes and revokes nothing.
 *
 * @throws {GatewayError} `invalid_configuration`
 * @example
 * ```ts
 * const auth: ApiKeyVerifier = createApiKeyVerifier(apiKeysFromFolder('/etc/mcp-api-keys'))
 * ```
 */
export function apiKeysFromFolder(folder: string, options: ApiKeysFromFolderOptions = {}): ApiKeySource {
  filledText(folder, 'The folder of apiKeysFromFolder')
  checkOptions('apiKeysFromFolder', options, types)
  const { issuer, maxAge = 1, logger } = options
  const files = globalThis.process?.getBuiltinModule?.('node:fs/promises')
  const paths = globalThis.process?.getBuiltinModule?.('node:path')
  if (files === undefined || paths === undefined) {
    throw invalidConfiguration('apiKeysFromFolder needs the files of Node; elsewhere use createApiKeys')
  }
  const hasher = keyHasher([])
  let known: { readonly keys: ReadonlyMap<string, FolderKey>; readonly stamp: string } | undefined
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined

  const reread = async (): Promise<void> => {
    // Before the look: what changes after it may not be in it
    const at = Date.now()
    try {
      const found = await mountedSecrets({ files, paths, folder, except: known?.stamp })
      if (found !== undefined) known = { keys: toKeys(found.secrets), stamp: found.stamp }
      readAt = at
    } catch (cause) {
      known = undefined
      throw new GatewayError('temporarily_unavailable', 'The folder of apiKeysFromFolder cannot be read', { cause })
    }
  }

  const current = async (): Promise<ReadonlyMap<string, FolderKey>> => {
    if (known === undefined || !isWithin(Date.now(), readAt, maxAge * 1000)) {
      reading ??= reread().finally(() => {
        reading = undefined
      })
      await reading
    }
    return known?.keys ?? new Map()
  }

  const toKeys = (secrets: readonly SecretFolder[]): ReadonlyMap<string, FolderKey> => {
    const keys = new Map<string, FolderKey>()
    const twice = new Set<string>()
    for (const secret of secrets) {
      const problem = problemOf(secret.fields)
      if (problem !== undefined) {
        logger?.warn({ credential_id: secret.name, problem }, 'a mounted API key does not work')
        continue
      }
      const hash = hasher.hash(secret.fields.key ?? '')
      if (keys.has(hash)) twice.add(hash)
      keys.set(hash, { hash, key: toKey(secret, issuer) })
    }
    for (const hash of twice) {
      const { id } = keys.get(hash)?.key ?? {}
      logger?.warn({ credential_id: id, problem: 'two Secrets have the same key' }, 'a mounted API key does not work')
      keys.delete(hash)
    }
    return keys
  }

  return {
    isLocal: true,
    recognise: (token) => (isKey.test(token) ? 'yes' : 'no'),
    async identify(token) {
      if (!isKey.test(token)) throw new ApiKeyRefusal('malformed', undefined, { isFinal: false })
      const hash = hasher.hash(token)
      const found = (await current()).get(hash)
      // Tokens of others may be 64 hexadecimal digits too
      if (found === undefined || !isEqual(found.hash, hash)) {
        throw new ApiKeyRefusal('unknown', undefined, { isFinal: false })
      }
      if (Date.now() >= found.key.endsAt) throw new ApiKeyRefusal('expired', found.key.id)
      return { ...found.key, worksAt: () => true, worksFrom: () => true }
    },
    async limitsOf(id) {
      for (const { key } of (await current()).values()) if (key.id === id) return {}
      return undefined
    },
    check: async () => void (await current()),
  }
}

/** Why a key cannot be used, without its secret. */
function problemOf({ key, username, 'created-at': createdAt, 'expires-at': expiresAt }: SecretFolder['fields']) {
  if (key === undefined || !isKey.test(key)) return 'key is not 64 hexadecimal digits in small letters'
  if (username === undefined || username === '') return 'username is missing'
  if (timeOf(createdAt) === undefined) return 'created-at is not a time of RFC 3339, with its zone'
  if (expiresAt !== 'never' && timeOf(expiresAt) === undefined) {
    return 'expires-at is neither never nor a time of RFC 3339, with its zone'
  }
  return undefined
}

function toKey({ name, fields }: SecretFolder, issuer: string | undefined): FolderKey['key'] {
  const { username = '', roles = '', 'expires-at': expiresAt, 'keycloak-user-id': userId } = fields
  return {
    id: name,
    issuer: issuer === undefined ? 'apikey' : `apikey:${issuer}`,
    subject: userId || username,
    userName: username,
    scopes: [],
    roles: roles
      .split(',')
      .map((role) => role.trim())
      .filter((role) => role !== ''),
    groups: [],
    generation: 1,
    startsAt: 0,
    endsAt: expiresAt === 'never' ? Number.POSITIVE_INFINITY : (timeOf(expiresAt) ?? 0),
  }
}

/** RFC 3339 section 5.6: with a zone, since without one each reader takes its own. */
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined || !time.test(text)) return undefined
  const milliseconds = Date.parse(text)
  return Number.isNaN(milliseconds) ? undefined : milliseconds
}
