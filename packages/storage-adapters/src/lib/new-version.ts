const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/**
 * Makes a version of 16 characters that no other write has, in whichever process: 96 random bits. A counter would have
 * to outlive deletes, restores of a backup and copies of a running machine; randomness does not.
 */
export function newVersion(): string {
  let version = ''
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) version += alphabet[byte & 63]
  return version
}

/** The same with a mark in front, by which a store tells what `increment` wrote from everything else. */
export function newCounterVersion(): string {
  return `#${newVersion().slice(1)}`
}
