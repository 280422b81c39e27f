import { BoundedMap } from '../cache/bounded-map.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { hmacSha256, randomKey } from '../text/hmac-sha256.js'

/** How many users are remembered; who comes again is hashed again. */
const maxUsers = 1000

/**
 * Makes of a user's id the 16 hexadecimal digits that stand for it in the log: the first 16 of an
 * HMAC-SHA-256. Without the key nobody can find out who it is by trying names.
 *
 * @param secret the same in every replica, so that their logs agree; without one the key is random, the same for all pieces of
 *   this process, and ends with it
 * @throws {GatewayError} `invalid_configuration` for a secret of fewer than 32 characters
 * @see RFC 2104
 */
export function createUserHash(secret?: string): (userId: string) => string {
  if (secret !== undefined && secret.length < 32) {
    throw invalidConfiguration('logging.userKey must be a string of at least 32 characters')
  }
  const known = new BoundedMap<string>(maxUsers)
  const own = secret === undefined ? undefined : new TextEncoder().encode(secret)
  return (userId) => {
    let hash = known.get(userId)
    if (hash === undefined) {
      hash = hmacSha256(own ?? keyOfProcess(), userId).slice(0, 16)
      known.set(userId, hash)
    }
    return hash
  }
}

let random: Uint8Array | undefined

/** At first use: some hosts have no random numbers while a module is loaded. */
function keyOfProcess(): Uint8Array {
  random ??= randomKey()
  return random
}
