import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const algorithm = 'aes-256-gcm'

/**
 * Makes cursors that say nothing of those of a server, which may be ids of other users' tasks. Each opens for the user
 * alone for whom it was sealed, and until the process of the server ends.
 */
export class SealedCursor {
  readonly #key: Buffer = randomBytes(32)

  seal(cursor: string, principal: string): string {
    const nonce = randomBytes(12)
    const cipher = createCipheriv(algorithm, this.#key, nonce).setAAD(Buffer.from(principal))
    const sealed = Buffer.concat([cipher.update(cursor, 'utf8'), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
  }

  /** The server's cursor; `undefined` for what was not sealed here for this user. */
  open(sealed: string, principal: string): string | undefined {
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < 28) return undefined
    try {
      const decipher = createDecipheriv(algorithm, this.#key, bytes.subarray(0, 12), { authTagLength: 16 })
      decipher.setAAD(Buffer.from(principal)).setAuthTag(bytes.subarray(12, 28))
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
    } catch {
      return undefined
    }
  }
}
