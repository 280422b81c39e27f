const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Random bytes are asked for in advance: one by one they would cost more than all else that a verb does here. */
const pool = new Uint8Array(1024)
let used = pool.length

/**
 * Makes a version of 16 characters that no other write has, in whichever process: 96 random bits. A counter would have
 * to outlive deletes and restores of a backup; randomness does not.
 */
export function newVersion(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  let version = ''
  for (const end = used + 16; used < end; used++) version += alphabet[(pool[used] as number) & 63]
  return version
}

/** The same with a mark in front, by which a store tells what `increment` wrote from everything else. */
export function newCounterVersion(): string {
  return `#${newVersion().slice(1)}`
}
