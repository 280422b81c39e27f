const host = globalThis as { Buffer?: { compare?: (one: Uint8Array, other: Uint8Array) => number } }

/** Whether two ranges of bytes are the same. Not for secrets: its time tells where they differ. */
export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false
  if (host.Buffer?.compare !== undefined) return host.Buffer.compare(one, other) === 0
  return one.every((byte, index) => byte === other[index])
}
