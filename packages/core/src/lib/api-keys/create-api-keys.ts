import { isWithin } from '../cache/is-within.js'
import type { Check } from '../contract/check.js'
import { GatewayError } from '../contract/gateway-error.js'
import { wrongOption } from '../contract/invalid-configuration.js'
import type { Logger } from '../contract/logger.js'
import {
  callable,
  checkOptions,
  flag,
  type OptionTypes,
  optional,
  positive,
  recordOf,
  textList,
} from '../contract/option-types.js'
import { loggerType, storageType } from '../contract/shared-option-types.js'
import type { Storage, StorageEntry, StorageWriteOptions } from '../contract/storage.js'
import { addressList } from '../http/address-list.js'
import { isObject } from '../json/is-object.js'
import { coversScopes, type ScopeHierarchy } from '../resource-server/scopes.js'
import { checkStorage } from '../storage/check-storage.js'
import { sha256AtOnce } from '../text/hmac-sha256.js'
import type {
  ApiKey,
  ApiKeyOwner,
  ApiKeyPage,
  ApiKeyPerson,
  CreateApiKeyOptions,
  ListApiKeysOptions,
  NewApiKey,
  OwnerRights,
  RevokeApiKeyOptions,
  RotateApiKeyOptions,
  UpdateApiKeyOptions,
} from './api-key.js'
import { checkOwner, checkSettings, invalidRequest } from './check-settings.js'
import { keyFormat, prefixType } from './key-format.js'
import { type ApiKeyPepper, keyHasher, peppersType } from './key-hash.js'
import { issuerOf } from './key-issuer.js'
import { keyRate } from './key-rate.js'
import { ApiKeyRefusal, type ApiKeySource, type IdentifiedKey } from './key-source.js'
import { ownerSlots } from './owner-slots.js'
import {
  endOf,
  graceSecret,
  isAlive,
  lifetimeOf,
  readStoredKey,
  type StoredKey,
  type StoredSecret,
  startOf,
  toApiKey,
} from './stored-key.js'

/** What a registry of keys is made of. */
export interface ApiKeysOptions {
  /** Where the records are; shared by all replicas. No secret is in it, only hashes. */
  readonly storage: Storage
  /**
   * What keys begin with, so that people and scanners recognise them: a small letter and up to 15 letters and digits, and a tag of
   * the environment if you like (`acme_test`). Registries of different prefixes do not see each other's keys.
   *
   * @default mcpg
   */
  readonly prefix?: string
  /**
   * Secrets that go into the hashes. The first makes new ones; the others are known still. A key that is used gets the hash of
   * the first within a minute; remove an old one when all keys were used since, or have ended.
   *
   * @default none
   */
  readonly peppers?: readonly ApiKeyPepper[]
  /**
   * Tells what a person may do now; `undefined` where the person is gone, whose keys are then dead. Asked when a key is made,
   * and when it is used, as often as a verifier looks a key up. Where it rejects, requests fail with 503.
   */
  readonly ownerRights?: (owner: ApiKeyPerson) => OwnerRights | undefined | Promise<OwnerRights | undefined>
  /** Which scopes include which others, in the rights of owners. */
  readonly scopeHierarchy?: ScopeHierarchy
  /**
   * Lets keys of persons have all that was written into them, whatever has become of the person. Without it and without
   * `ownerRights` only service accounts can have keys.
   *
   * @default false
   */
  readonly dangerouslyIgnoreOwnerRights?: boolean
  /**
   * Lifetime of keys that do not say when they end, in seconds.
   *
   * @default 7776000 (90 days)
   */
  readonly defaultLifetime?: number
  /**
   * The longest lifetime of a key from now on, in seconds; keys that never end are then refused.
   *
   * @default none
   */
  readonly maxLifetime?: number
  /**
   * The most keys of an owner that can be used.
   *
   * @default 50
   */
  readonly maxPerOwner?: number
  /** Where it is written down what was made, changed, rotated and revoked. */
  readonly logger?: Logger
}

const types: OptionTypes<ApiKeysOptions> = {
  storage: storageType,
  prefix: optional(prefixType),
  peppers: optional(peppersType),
  ownerRights: optional(callable),
  scopeHierarchy: optional(recordOf(textList)),
  dangerouslyIgnoreOwnerRights: optional(flag),
  defaultLifetime: optional(positive),
  maxLifetime: optional(positive),
  maxPerOwner: optional(positive),
  logger: optional(loggerType),
}

/** A registry of API keys. */
export interface ApiKeys extends ApiKeySource {
  /**
   * Makes a key.
   *
   * @returns the key, which cannot be had again, and what is known about it
   * @throws {GatewayError} `invalid_request` for what a key cannot be, `conflict` where the owner has too many
   */
  create(options: CreateApiKeyOptions): Promise<NewApiKey>
  /** Pages through the keys, those that have ended in the last 30 days too. */
  list(options?: ListApiKeysOptions): Promise<ApiKeyPage>
  /** What is known about a key; `undefined` where there is none. */
  get(id: string): Promise<ApiKey | undefined>
  /**
   * Changes what may be changed; holds for requests within the `maxAge` of the verifiers.
   *
   * @returns the key after it, or `undefined` where there is none
   * @throws {GatewayError} `invalid_request` for what a key cannot be, `conflict` where it was revoked
   */
  update(id: string, changes: UpdateApiKeyOptions): Promise<ApiKey | undefined>
  /**
   * Ends a key for good, within the `maxAge` of the verifiers (a second by default). Requests that are under way go on.
   *
   * @returns the key after it, or `undefined` where there is none
   */
  revoke(id: string, options?: RevokeApiKeyOptions): Promise<ApiKey | undefined>
  /** Ends a key that somebody has found. @returns the key after it; `undefined` for what is no key, also where only its secret is wrong */
  revokeByToken(key: string, options?: RevokeApiKeyOptions): Promise<ApiKey | undefined>
  /**
   * Gives a key a new secret. All else stays, its id and its end too. The secret before works on for the grace.
   *
   * @throws {GatewayError} `conflict` where somebody else rotates it now, where the grace of an earlier rotation is not over
   *   (`grace: 0` ends it), and where the key has ended
   */
  rotate(id: string, options?: RotateApiKeyOptions): Promise<NewApiKey | undefined>
  /**
   * What an owner may do now: `as-written` where nothing but the key says it (service accounts, and persons with
   * `dangerouslyIgnoreOwnerRights`), `undefined` for one that can have no keys. Rejects with `temporarily_unavailable`.
   */
  rightsOf(owner: ApiKeyOwner): Promise<OwnerRights | 'as-written' | undefined>
  /** Whether the storage works. */
  readonly check: Check
}

const maxTries = 10
/** How long a use of a key stays unwritten after one that was written, in seconds. */
const useInterval = 60
const maxGrace = 30 * 86_400

/**
 * Makes a registry of API keys, for machines and people that cannot do OAuth. Keys are shown once and kept as hashes. It checks
 * no requests; `createApiKeyVerifier` does, and takes it.
 *
 * A key of a person never allows more than the person may do at the time of a request.
 *
 * @throws {GatewayError} `invalid_configuration`
 * @example
 * ```ts
 * const keys: ApiKeys = createApiKeys({
 *   storage,
 *   prefix: 'acme',
 *   ownerRights: ({ subject }) => (subject === 'alice' ? { scopes: ['notes:read'] } : undefined),
 * })
 * const { key } = await keys.create({
 *   owner: { serviceAccount: 'nightly-build' },
 *   name: 'Nightly build',
 *   scopes: ['notes:read'],
 *   servers: ['https://mcp.example.com/notes/mcp'],
 * })
 * ```
 */
export function createApiKeys(options: ApiKeysOptions): ApiKeys {
  checkOptions('createApiKeys', options, types)
  const { storage, prefix = 'mcpg', peppers = [], ownerRights, scopeHierarchy, logger } = options
  const { dangerouslyIgnoreOwnerRights: ignoresRights = false, maxPerOwner = 50 } = options
  const { defaultLifetime = 90 * 86_400, maxLifetime = Number.POSITIVE_INFINITY } = options
  if (defaultLifetime > maxLifetime) {
    throw wrongOption('createApiKeys: defaultLifetime', defaultLifetime, `a number up to maxLifetime, ${maxLifetime}`)
  }
  const format = keyFormat(prefix)
  const hasher = keyHasher(peppers)
  const base = `apikeys:${prefix}:`
  const recordOf = (id: string): string => `${base}key:${id}`
  const count = keyRate(storage, base)
  /** Stands for the record of a key that there is not, so that it takes as long to refuse one. */
  const nobody = placeholder(hasher.hash('nobody'))

  const slots = ownerSlots({
    storage,
    limit: maxPerOwner,
    isAlive: async (id) => {
      const found = await read(id)
      return found !== undefined && isAlive(found.stored, seconds())
    },
  })

  const read = async (id: string): Promise<Found | undefined> => {
    // What is no id of ours may be longer than a storage's keys
    if (!/^[0-9A-Za-z]{12}$/.test(id)) return undefined
    const entry = await storage.get(recordOf(id))
    if (entry === undefined) return undefined
    const stored = readStoredKey(entry.value)
    if (stored === undefined) logger?.error({ credential_id: id }, 'the record of an API key cannot be read')
    return stored && { stored, version: entry.version }
  }

  const terms = (stored: StoredKey): StorageWriteOptions => ({
    ttl: lifetimeOf(stored, seconds()),
    lists: [`${base}all`, `${base}of:${ownerHash(stored.owner)}`],
  })

  /** Writes what `to` makes of a record, over again where somebody else has written meanwhile. */
  const change = async (id: string, to: (stored: StoredKey) => StoredKey): Promise<StoredKey | undefined> => {
    for (let tries = 0; tries < maxTries; tries++) {
      const found = await read(id)
      if (found === undefined) return undefined
      const changed = to(found.stored)
      if (changed === found.stored) return changed
      const value = JSON.stringify(changed)
      if (await storage.compareAndSet(recordOf(id), found.version, value, terms(changed))) return changed
    }
    throw new GatewayError('temporarily_unavailable', 'The key is changed too often at the moment')
  }

  const checkEnd = (expiresAt: number | null): void => {
    const now = seconds()
    if (expiresAt !== null && expiresAt <= now) throw invalidRequest('expiresAt is over; revoke a key to end it')
    if (expiresAt === null && maxLifetime === Number.POSITIVE_INFINITY) return
    // A second for the way of the request, whose sender has added the longest lifetime to a time of its own
    if (expiresAt === null || expiresAt > now + maxLifetime + 1) {
      throw invalidRequest(`expiresAt must be at most ${maxLifetime} seconds from now`)
    }
  }

  const rightsOf = async (owner: ApiKeyOwner): Promise<OwnerRights | 'as-written' | undefined> => {
    if ('serviceAccount' in owner || (ownerRights === undefined && ignoresRights)) return 'as-written'
    // Without anybody to ask, persons have no keys; those from before that was so do not work
    if (ownerRights === undefined) return undefined
    try {
      const rights = (await ownerRights(owner)) ?? undefined
      if (rights === undefined || isRights(rights)) return rights
    } catch (cause) {
      throw new GatewayError('temporarily_unavailable', 'ownerRights failed, so the rights of an owner are not known', {
        cause,
      })
    }
    throw new GatewayError('temporarily_unavailable', 'ownerRights must give { scopes, roles?, groups? } or undefined')
  }

  const newSecret = (generation: number, id?: string): { id: string; key: string; secret: StoredSecret } => {
    const { id: made, key } = format.make(id)
    return { id: made, key, secret: { hash: hasher.hash(key), last4: key.slice(-4), generation } }
  }

  const identify = async (token: string): Promise<IdentifiedKey> => {
    const id = format.read(token)
    if (id === undefined) throw new ApiKeyRefusal('malformed', undefined, { isFinal: format.isAlike(token) })
    const entry = await storage.get(recordOf(id))
    const stored = readStoredKey(entry?.value ?? nobody)
    const secret = stored?.secrets.find(({ hash }) => hasher.matches(token, hash))
    if (entry === undefined || stored === undefined) throw new ApiKeyRefusal('unknown', id)
    if (secret === undefined) throw new ApiKeyRefusal('secret', id)
    if (stored.revokedAt !== undefined) throw new ApiKeyRefusal('revoked', id)
    const secretEnd = secret === stored.secrets[0] ? Number.POSITIVE_INFINITY : (secret.until ?? 0) * 1000
    const endsAt = Math.min(endOf(stored), secretEnd)
    if (endsAt <= Date.now()) throw new ApiKeyRefusal('expired', id)
    const rights = await rightsOf(stored.owner)
    if (rights === undefined) throw new ApiKeyRefusal('owner', id)
    const { owner, addresses, servers, rate } = stored
    return {
      id,
      ...subjectOf(owner),
      ...effective(stored, rights),
      generation: secret.generation,
      startsAt: startOf(stored),
      endsAt,
      worksAt: (resource) => servers === undefined || (resource !== undefined && servers.includes(resource)),
      worksFrom: worksFrom(addresses),
      used: noteUse({ stored, version: entry.version }, { token, secret }),
      ...(rate && { count: () => count(id, rate.limit, rate.window) }),
    }
  }

  const effective = (
    { scopes, roles, groups }: StoredKey,
    rights: OwnerRights | 'as-written',
  ): Pick<IdentifiedKey, 'scopes' | 'roles' | 'groups'> => {
    if (rights === 'as-written') return { scopes, roles: roles ?? [], groups: groups ?? [] }
    return {
      scopes: scopes.filter((scope) => coversScopes(rights.scopes, [scope], scopeHierarchy)),
      roles: common(roles, rights.roles),
      groups: common(groups, rights.groups),
    }
  }

  const noteUse = (found: Found, { token, secret }: { token: string; secret: StoredSecret }) => {
    let { lastUsedAt } = found.stored
    return (address: string | undefined): void => {
      const now = seconds()
      if (lastUsedAt !== undefined && isWithin(now, lastUsedAt, useInterval)) return
      lastUsedAt = now
      const { lastUsedAddress: _, ...stored } = found.stored
      const [newest, ...older] = stored.secrets.map((one) =>
        one === secret && !hasher.isCurrent(one.hash) ? { ...one, hash: hasher.hash(token) } : one,
      ) as [StoredSecret, ...StoredSecret[]]
      const used: StoredKey = {
        ...stored,
        secrets: [newest, ...older],
        lastUsedAt: now,
        ...(address !== undefined && { lastUsedAddress: address }),
      }
      // Where it was changed meanwhile, the next use is noted
      storage
        .compareAndSet(recordOf(stored.id), found.version, JSON.stringify(used), terms(used))
        .catch((err: unknown) => logger?.warn({ err, credential_id: stored.id }, 'the use of an API key was not noted'))
    }
  }

  const told = (what: string, stored: StoredKey, more: Record<string, unknown> = {}): ApiKey => {
    logger?.info({ credential_id: stored.id, ...subjectOf(stored.owner), ...more }, `an API key was ${what}`)
    return toApiKey(stored, seconds())
  }

  const revoke = async (id: string, { by, because }: RevokeApiKeyOptions = {}): Promise<ApiKey | undefined> => {
    let isFirst = false
    const stored = await change(id, (before) => {
      isFirst = before.revokedAt === undefined
      if (!isFirst) return before
      return {
        ...before,
        revokedAt: seconds(),
        ...(by !== undefined && { revokedBy: by.slice(0, 500) }),
        ...(because !== undefined && { revokedBecause: because.slice(0, 500) }),
      }
    })
    if (stored === undefined) return undefined
    if (!isFirst) return toApiKey(stored, seconds())
    // The key is revoked whether its slot is given back or not
    const slot = slots.free(`${base}slots:${ownerHash(stored.owner)}`, id)
    await slot.catch((err: unknown) =>
      logger?.warn({ err, credential_id: id }, 'an API key still counts for its owner'),
    )
    return told('revoked', stored, { by, because })
  }

  const rotate = async (id: string, { grace = 86_400 }: RotateApiKeyOptions = {}): Promise<NewApiKey | undefined> => {
    if (typeof grace !== 'number' || !(grace >= 0 && grace <= maxGrace))
      throw invalidRequest(`grace must be from 0 to ${maxGrace} seconds`)
    let rotatedFrom: number | undefined
    let made: string | undefined
    const stored = await change(id, (before) => {
      const now = seconds()
      const [newest] = before.secrets
      // Of two at once one wins; a write of something else in between, such as the last use, is no reason to fail
      if (rotatedFrom !== undefined && rotatedFrom !== newest.generation) {
        throw new GatewayError('conflict', 'Somebody else has rotated the key at the same time')
      }
      rotatedFrom = newest.generation
      if (!isAlive(before, now)) throw new GatewayError('conflict', 'The key has ended; make a new one')
      const until = graceSecret(before, now)?.until
      if (until !== undefined && grace > 0) {
        throw new GatewayError(
          'conflict',
          `The key was rotated already, and its secret before that works until ${until}; wait, or end it with grace 0`,
        )
      }
      const { key, secret } = newSecret(newest.generation + 1, id)
      made = key
      return { ...before, secrets: grace === 0 ? [secret] : [secret, { ...newest, until: now + grace }] }
    })
    if (stored === undefined || made === undefined) return undefined
    return { key: made, apiKey: told('rotated', stored, { generation: stored.secrets[0].generation }) }
  }

  return {
    async create(wanted) {
      const settings = checkSettings(wanted, ['owner', 'createdBy'])
      const owner = checkOwner(wanted.owner)
      const { createdBy } = wanted
      if (settings.name === undefined) throw invalidRequest('name must be a text of 1 to 200 characters')
      const now = seconds()
      const { expiresAt = now + defaultLifetime } = settings
      checkEnd(expiresAt)
      if ((await rightsOf(owner)) === undefined) {
        throw invalidRequest(
          ownerRights === undefined
            ? 'Keys of persons need ownerRights, which says what they may do; service accounts do not'
            : 'The owner is not known',
        )
      }
      const { id, key, secret } = newSecret(1)
      const stored: StoredKey = {
        ...settings,
        id,
        name: settings.name,
        owner,
        scopes: settings.scopes ?? [],
        expiresAt,
        createdAt: now,
        ...(createdBy !== undefined && { createdBy: createdBy.slice(0, 500) }),
        secrets: [secret],
      }
      const slot = `${base}slots:${ownerHash(owner)}`
      await slots.take(slot, id)
      if (!(await storage.add(recordOf(id), JSON.stringify(stored), terms(stored)))) {
        // One in 2^71, or a random generator that repeats itself
        throw new GatewayError('temporarily_unavailable', 'There is a key of the new id already')
      }
      return { key, apiKey: told('created', stored, { by: createdBy }) }
    },

    async list({ owner, cursor, limit = 50 } = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > 500) throw invalidRequest('limit must be from 1 to 500')
      const list = owner === undefined ? `${base}all` : `${base}of:${ownerHash(checkOwner(owner))}`
      const page = await storage.list(list, { limit, ...(cursor !== undefined && { cursor }) })
      const found = await Promise.all(page.keys.map((record) => read(record.slice(recordOf('').length))))
      const now = seconds()
      const keys = found.flatMap((one) => (one === undefined ? [] : [toApiKey(one.stored, now)]))
      return { keys, ...(page.cursor !== undefined && { cursor: page.cursor }) }
    },

    async get(id) {
      const found = await read(id)
      return found && toApiKey(found.stored, seconds())
    },

    async update(id, changes) {
      const settings = checkSettings(changes)
      for (const name of ['name', 'scopes', 'expiresAt'] as const) {
        if (Object.hasOwn(settings, name) && settings[name] === undefined) {
          throw invalidRequest(`${name} cannot be removed, only changed`)
        }
      }
      if (settings.expiresAt !== undefined) checkEnd(settings.expiresAt)
      const stored = await change(id, (before) => {
        if (before.revokedAt !== undefined) throw new GatewayError('conflict', 'The key was revoked, which is for good')
        return { ...before, ...settings } as StoredKey
      })
      return stored && told('changed', stored, { changes: Object.keys(settings) })
    },

    revoke,

    async revokeByToken(key, why) {
      const id = format.read(key)
      const stored = id === undefined ? undefined : (await read(id))?.stored
      if (id === undefined || stored === undefined) return undefined
      // A secret whose grace is over opens nothing, and must not end the one in its place
      const working = [stored.secrets[0], graceSecret(stored, seconds())]
      return working.some((secret) => secret && hasher.matches(key, secret.hash)) ? revoke(id, why) : undefined
    },

    rotate,
    rightsOf,

    recognise: (token) => (format.read(token) !== undefined ? 'yes' : format.isAlike(token) ? 'alike' : 'no'),
    identify,
    async limitsOf(id) {
      const found = await read(id)
      return found && { ...(found.stored.tools && { tools: found.stored.tools }) }
    },
    check: () => checkStorage(storage),
  }
}

interface Found {
  readonly stored: StoredKey
  readonly version: StorageEntry['version']
}

function seconds(): number {
  return Date.now() / 1000
}

function subjectOf(owner: ApiKeyOwner): Pick<IdentifiedKey, 'issuer' | 'subject'> {
  return { issuer: issuerOf(owner), subject: 'serviceAccount' in owner ? owner.serviceAccount : owner.subject }
}

/** Names of lists are short, and hold nobody's name. */
function ownerHash(owner: ApiKeyOwner): string {
  const { issuer, subject } = subjectOf(owner)
  return sha256AtOnce(JSON.stringify([issuer, subject])).slice(0, 32)
}

function isRights(value: unknown): value is OwnerRights {
  const isList = (list: unknown) => Array.isArray(list) && list.every((one) => typeof one === 'string')
  const isOptional = (list: unknown) => list === undefined || isList(list)
  return isObject(value) && isList(value.scopes) && isOptional(value.roles) && isOptional(value.groups)
}

/** What of the owner's the key has too: all, where it names none. */
function common(ofKey: readonly string[] | undefined, ofOwner: readonly string[] = []): readonly string[] {
  return ofKey === undefined ? ofOwner : ofOwner.filter((one) => ofKey.includes(one))
}

function worksFrom(addresses: readonly string[] | undefined): IdentifiedKey['worksFrom'] {
  if (addresses === undefined) return () => true
  const isListed = addressList(addresses, 'addresses')
  return (address) => address !== undefined && isListed(address)
}

/** A record of usual size. */
function placeholder(hash: string): string {
  const stored: StoredKey = {
    id: '0'.repeat(12),
    name: 'A key of usual length',
    owner: { issuer: 'https://login.example.com', subject: '00000000-0000-0000-0000-000000000000' },
    scopes: ['notes:read', 'notes:write'],
    createdAt: 1_700_000_000.123,
    expiresAt: 0,
    secrets: [{ hash, last4: '0000', generation: 1 }],
    lastUsedAt: 1_700_000_000.123,
  }
  return JSON.stringify(stored)
}
