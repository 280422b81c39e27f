import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { filledText, listOf, membersOf, type OptionType } from '../contract/option-types.js'
import { hmacSha256, sha256AtOnce } from '../text/hmac-sha256.js'

// A fraction of the cost of our own, which runs everywhere.
const node = globalThis.process?.getBuiltinModule?.('node:crypto')

/** A secret of the operator that goes into the hashes of keys, so that a stolen storage alone does not tell whether a guess is right. */
export interface ApiKeyPepper {
  /** Names it in the records, so that it can be replaced: letters and digits, such as `2027`. */
  readonly version: string
  /** At least 32 characters, from a secret store and the same in every process. */
  readonly secret: string
}

/** Makes and compares what is stored in place of a key. */
export interface KeyHasher {
  /** The hash to store for a key: `VERSION:HEX`, with an empty version without a pepper. */
  hash(key: string): string
  /** Compares in a time that does not tell where they differ. False where the pepper of the stored hash is not known any more. */
  matches(key: string, stored: string): boolean
  /** Whether the stored hash is one that {@link hash} would make today. */
  isCurrent(stored: string): boolean
}

const peppersOption = listOf(membersOf<ApiKeyPepper>({ version: filledText, secret: filledText }), 'a list of peppers')

/** The type of the option `peppers`. */
export const peppersType: OptionType = (value, name) => {
  peppersOption(value, name)
  const peppers = value as readonly ApiKeyPepper[]
  for (const [index, { version, secret }] of peppers.entries()) {
    if (!/^\w{1,32}$/.test(version)) {
      throw invalidConfiguration(`${name}[${index}].version must be up to 32 letters, digits and underscores`)
    }
    if (secret.length < 32) throw invalidConfiguration(`${name}[${index}].secret must have at least 32 characters`)
    if (peppers.findIndex((one) => one.version === version) !== index) {
      throw invalidConfiguration(`${name}[${index}].version is there twice; each pepper needs a version of its own`)
    }
  }
}

/**
 * Hashes keys by SHA-256, or by HMAC-SHA-256 with the first of the peppers. A key has 190 random bits, so a slow hash would
 * add load and no security (NIST SP 800-63B section 5.1.2.2 asks for a slow one below 112 bits).
 */
export function keyHasher(peppers: readonly ApiKeyPepper[]): KeyHasher {
  const secrets = new Map(peppers.map(({ version, secret }) => [version, new TextEncoder().encode(secret)]))
  const current = peppers[0]?.version ?? ''

  const digest = (version: string, key: string): string | undefined => {
    if (version === '') return node?.hash?.('sha256', key, 'hex') ?? sha256AtOnce(key)
    const secret = secrets.get(version)
    if (secret === undefined) return undefined
    return node?.createHmac?.('sha256', secret).update(key).digest('hex') ?? hmacSha256(secret, key)
  }

  return {
    hash: (key) => `${current}:${digest(current, key)}`,
    matches(key, stored) {
      const split = stored.indexOf(':')
      const expected = digest(stored.slice(0, split), key)
      return expected !== undefined && isEqual(stored.slice(split + 1), expected)
    },
    isCurrent: (stored) => stored.startsWith(`${current}:`),
  }
}

/** Compares two texts in a time that depends on their lengths alone. */
export function isEqual(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let index = 0; index < other.length; index++) difference |= one.charCodeAt(index) ^ other.charCodeAt(index)
  return difference === 0
}
