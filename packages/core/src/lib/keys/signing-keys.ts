import type { JSONWebKeySet, JWK, JWTPayload } from 'jose'
import { GatewayError } from '../contract/gateway-error.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import {
  callable,
  checkOptions,
  filledText,
  flag,
  listOf,
  notNegative,
  type OptionTypes,
  object,
  oneOf,
  optional,
  textList,
} from '../contract/option-types.js'
import { storageType } from '../contract/shared-option-types.js'
import type { Storage } from '../contract/storage.js'
import { type ConfiguredKey, readConfiguredKeys } from './configured-keys.js'
import { createKeyCipher } from './key-cipher.js'
import { activeKey, keepKeyRing, type ReadKeyRing } from './key-ring.js'
import { isLoopbackIssuer } from './loopback-issuer.js'
import { deriveBytes, storedSecret } from './shared-secret.js'
import { createJwtSigner, type JwtSigner } from './sign-jwt.js'
import type { SigningAlgorithm } from './signing-algorithm.js'

/** Options of {@link createSigningKeys}. Durations are in seconds. */
export interface SigningKeysOptions {
  /** Whose keys these are: the `iss` of what they sign. Two issuers never share keys in one store. */
  readonly issuer: string
  /** Where generated keys live, shared by all replicas. Not used with `privateKeys`. */
  readonly storage?: Storage
  /**
   * What new keys are made for. Changing it keeps the old keys published until they retire.
   *
   * @default ES256
   */
  readonly algorithm?: SigningAlgorithm
  /** Each 32 random bytes in base64: the first encrypts stored private keys, all of them decrypt. */
  readonly encryptionKeys?: readonly string[]
  /** Private keys as JWKs with `alg`, in place of generated ones: the first signs, all are published. */
  readonly privateKeys?: readonly JWK[]
  /**
   * How long a key signs. `0` for ever.
   *
   * @default 90 days
   */
  readonly rotation?: number
  /**
   * How long before it signs a key is published. At least what verifiers cache.
   *
   * @default 10 minutes
   */
  readonly publishAhead?: number
  /**
   * How long after its last signature a key stays published. At least the longest token lifetime.
   *
   * @default 1 day
   */
  readonly retention?: number
  /** Takes a storage that no other process sees for a public issuer: with its process, the keys are gone. */
  readonly dangerouslyAllowSingleProcessStorage?: boolean
  /**
   * Milliseconds since the epoch.
   *
   * @default Date.now
   */
  readonly now?: () => number
}

/** Signs tokens and publishes the keys to verify them with. */
export interface SigningKeys {
  /** The algorithm of new keys; after a change the key before signs until the new one is known. */
  readonly algorithm: SigningAlgorithm
  /** Signs the claims as a JWT (RFC 7519) with this `typ`. It adds no claim of its own. */
  sign(claims: JWTPayload, header: { typ: string }): Promise<string>
  /** The public keys (RFC 7517), the coming one and those not yet retired included. */
  jwks(): Promise<JSONWebKeySet>
  /** Publishes a new key now; it signs after `publishAhead`. For a key that may have leaked, delete the record instead. */
  rotate(): Promise<void>
  /**
   * 32 secret bytes for a purpose, the same in every process that shares these keys, and other bytes for another purpose. Kept
   * beside the generated keys, encrypted as they are, and not rotated with them; with `privateKeys` they follow from the first.
   */
  secret?(purpose: string): Promise<Uint8Array>
}

/** The key that signs, ready for use. */
interface ActiveSigner {
  readonly kid: string
  readonly sign: JwtSigner
}

/** How long a replica goes without looking at the stored ring; far below `publishAhead`. */
const reread = 60

/**
 * Makes the signing keys of an issuer: generated, rotated and shared over `storage`, or given by configuration. Nothing
 * is read or generated before the first use. It does not serve the keys: `jwks()` is for whoever does.
 *
 * Stored private keys are encrypted with `encryptionKeys`; only a loopback issuer may go without them.
 *
 * @throws {GatewayError} `invalid_configuration` when a key is unusable, or a public issuer would store keys in plain
 * @see RFC 7517, RFC 7518
 * @example
 * ```ts
 * const keys = createSigningKeys({ issuer: 'https://mcp.example.com', storage, encryptionKeys: [key] })
 * const token = await keys.sign({ iss: 'https://mcp.example.com', sub: 'alice' }, { typ: 'at+jwt' })
 * ```
 */
export function createSigningKeys(options: SigningKeysOptions): SigningKeys {
  checkOptions('createSigningKeys', options, types)
  const { issuer, storage, algorithm = 'ES256', encryptionKeys = [], privateKeys = [], now = Date.now } = options
  const { dangerouslyAllowSingleProcessStorage } = options
  const { rotation = 90 * 86_400, publishAhead = 600, retention = 86_400 } = options
  if (privateKeys.length > 0) return configuredSigningKeys(readConfiguredKeys(privateKeys), privateKeys)
  if (!storage) throw invalidConfiguration('createSigningKeys needs `storage` or `privateKeys`')
  if (encryptionKeys.length === 0 && !isLoopbackIssuer(issuer)) {
    throw invalidConfiguration(
      `createSigningKeys: the public issuer ${issuer} must not store private keys in plain; set \`encryptionKeys\` to [32 random bytes in base64] (openssl rand -base64 32), or give \`privateKeys\``,
    )
  }
  if (storage.singleProcess && !dangerouslyAllowSingleProcessStorage && !isLoopbackIssuer(issuer)) {
    throw invalidConfiguration(
      `createSigningKeys: no other process sees the keys in this \`storage\`, so each would refuse what another has signed for the public issuer ${issuer}. Use Redis, Postgres or SQLite, give \`privateKeys\`, or set dangerouslyAllowSingleProcessStorage if there is one process alone`,
    )
  }
  if (rotation > 0 && rotation <= publishAhead) {
    throw invalidConfiguration('`rotation` must be longer than `publishAhead`')
  }
  if (publishAhead < 2 * reread) {
    throw invalidConfiguration(`\`publishAhead\` must be at least ${2 * reread} seconds`)
  }

  const clock = (): number => Math.floor(now() / 1000)
  const name = `oauth:keys:${issuer}`
  const cipher = createKeyCipher(encryptionKeys, name)
  const store = { storage, name, cipher }
  const policy = { algorithm, rotation, publishAhead, retention }
  const secret = storedSecret({ storage, name: `${name}:secret`, encryptionKeys, clock })
  let ring: { readonly value: Promise<ReadKeyRing>; readonly readAt: number } | undefined
  let lastRing: ReadKeyRing | undefined
  let active: ActiveSigner | undefined

  function currentRing(): Promise<ReadKeyRing> {
    const age = ring && clock() - ring.readAt
    // A clock that was put back must not keep an old ring in use for as long.
    if (ring && age !== undefined && age >= 0 && age < reread) return ring.value
    return readRing(false)
  }

  function readRing(force: boolean): Promise<ReadKeyRing> {
    const value = keepKeyRing(store, policy, clock, force).then(
      (read) => {
        lastRing = read
        return read
      },
      (error: unknown) => {
        // Keys that are known stay good while the store is away.
        if (lastRing && !force) return lastRing
        ring = undefined
        throw error
      },
    )
    ring = { value, readAt: clock() }
    return value
  }

  async function activeSigner(): Promise<ActiveSigner> {
    const stored = activeKey(await currentRing(), clock())
    if (!stored) throw new GatewayError('temporarily_unavailable', 'No signing key')
    const { kid, alg, privateKey } = stored
    if (active?.kid === kid) return active
    const jwk = await cipher.open(privateKey)
    if (!jwk) throw new GatewayError('temporarily_unavailable', 'The stored signing key cannot be read')
    active = { kid, sign: await createJwtSigner(jwk, alg) }
    return active
  }

  return {
    algorithm,
    async sign(claims, { typ }) {
      const { kid, sign } = await activeSigner()
      return sign(claims, { typ, kid })
    },
    async jwks() {
      const { keys } = await currentRing()
      return { keys: keys.map((key) => ({ ...key.publicKey, kid: key.kid, alg: key.alg, use: 'sig' })) }
    },
    async rotate() {
      await readRing(true)
    },
    secret,
  }
}

const types: OptionTypes<SigningKeysOptions> = {
  issuer: filledText,
  storage: optional(storageType),
  algorithm: optional(oneOf('ES256', 'RS256', 'EdDSA')),
  encryptionKeys: optional(textList),
  privateKeys: optional(listOf(object)),
  rotation: optional(notNegative),
  publishAhead: optional(notNegative),
  retention: optional(notNegative),
  dangerouslyAllowSingleProcessStorage: optional(flag),
  now: optional(callable),
}

function configuredSigningKeys(keys: readonly ConfiguredKey[], [signing]: readonly JWK[]): SigningKeys {
  const first = keys[0] as ConfiguredKey
  return {
    algorithm: first.algorithm,
    async sign(claims, { typ }) {
      const [kid, sign] = await Promise.all([first.kid(), first.signer()])
      return sign(claims, { typ, kid })
    },
    async jwks() {
      return {
        keys: await Promise.all(
          keys.map(async (key) => ({ ...key.publicKey, kid: await key.kid(), alg: key.algorithm, use: 'sig' })),
        ),
      }
    },
    async rotate() {
      throw invalidConfiguration('Keys given by `privateKeys` are rotated by changing the option')
    },
    secret: (purpose) => deriveBytes(String(signing?.d), purpose),
  }
}
