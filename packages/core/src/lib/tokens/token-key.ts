type Crypto = typeof import('node:crypto')

/**
 * What a verified token is remembered by: the SHA-256 of the whole token where it can be had at once (Node, Bun, Deno,
 * Workers with Node's API), otherwise the token itself. WebCrypto's digest is no substitute: its way over the thread
 * pool costs as much as the signature check that the cache saves.
 */
export const tokenKey: (token: string) => string = synchronousHash() ?? ((token) => token)

function synchronousHash(): ((token: string) => string) | undefined {
  if (typeof process === 'undefined') return undefined
  const crypto = process.getBuiltinModule?.('node:crypto') as Crypto | undefined
  if (typeof crypto?.hash === 'function') return (token) => crypto.hash('sha256', token, 'binary')
  if (typeof crypto?.createHash !== 'function') return undefined
  return (token) => crypto.createHash('sha256').update(token).digest('binary')
}
