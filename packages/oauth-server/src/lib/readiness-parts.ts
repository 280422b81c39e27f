import type { Storage } from '@mcp-gateway/core'
import { checkStorage, type ReadinessPart } from '@mcp-gateway/core/internal'
import type { SigningKeys } from '@mcp-gateway/core/keys'

/** For how many seconds a key that has signed is believed to sign. */
const freshFor = 60

/** What the readiness of an authorization server depends on. */
export function readinessParts(
  storage: Storage,
  signingKeys: SigningKeys,
  clock: () => number,
): ReadonlyMap<string, ReadinessPart> {
  let signedAt = Number.NEGATIVE_INFINITY
  const checkKeys = async () => {
    const age = clock() - signedAt
    if (age >= 0 && age < freshFor) return
    // A key that is there may still be one that cannot be read, with other `encryptionKeys` than those it was stored with
    await signingKeys.sign({}, { typ: 'readiness' })
    signedAt = clock()
  }
  return new Map([
    ['storage', { check: () => checkStorage(storage), required: true }],
    ['keys', { check: checkKeys, required: true }],
  ])
}
