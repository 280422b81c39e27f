import { calculateJwkThumbprint, type JWK } from 'jose'
import { createJsonCipher } from './json-cipher.js'
import type { StoredKey } from './stored-key.js'

/** Seals the private keys of one issuer's ring, and tells which stored keys it sealed. */
export interface KeyCipher {
  seal(privateKey: JWK): Promise<string>
  /** The private key; `undefined` for what was not sealed for this issuer. */
  open(stored: string): Promise<JWK | undefined>
  /**
   * Whether this key was made here: its private key was sealed for this issuer, and its public members and its `kid`
   * are those of that private key. Without encryption keys nothing can be told, and every key is.
   */
  isGenuine(key: StoredKey): Promise<boolean>
}

/** @param name the key of the ring's record, which each private key in it is bound to */
export function createKeyCipher(encryptionKeys: readonly string[], name: string): KeyCipher {
  const cipher = createJsonCipher<JWK>(encryptionKeys, 'signing key')
  // A ring holds a few keys and is read once a minute.
  let checked: ReadonlyMap<string, boolean> = new Map()

  async function check(key: StoredKey): Promise<boolean> {
    const privateKey = await cipher.open(key.privateKey, name)
    if (!privateKey) return false
    for (const [member, value] of Object.entries(key.publicKey)) {
      if (privateKey[member as keyof JWK] !== value || privateMembers.includes(member)) return false
    }
    return key.kid === (await calculateJwkThumbprint(privateKey)) && isAlgorithm(key, privateKey)
  }

  return {
    seal: (privateKey) => cipher.seal(privateKey, name),
    open: (stored) => cipher.open(stored, name),
    async isGenuine(key) {
      if (encryptionKeys.length === 0) return true
      const id = JSON.stringify([key.kid, key.alg, key.publicKey, key.privateKey])
      const known = checked.get(id)
      if (known !== undefined) return known
      const genuine = await check(key)
      checked = new Map([...[...checked].slice(-remembered), [id, genuine]])
      return genuine
    },
  }
}

const remembered = 20

/** RFC 7518 section 6: what must never be published. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

function isAlgorithm({ alg }: StoredKey, { kty }: JWK): boolean {
  return kty === { ES256: 'EC', RS256: 'RSA', EdDSA: 'OKP' }[alg]
}
