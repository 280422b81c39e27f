let key: Uint32Array | undefined

/**
 * Marks where a text was left out: `[redacted 1a2b3c4d5e6f7081]`. The digits are a keyed hash (HalfSipHash-2-4) under a
 * random key of this process, so that the same text can be found again in its log, and nobody can try texts against it.
 */
export function logTag(text: string): string {
  // At first use: some hosts have no random numbers while a module is loaded
  key ??= crypto.getRandomValues(new Uint32Array(2))
  // Texts that differ after so many characters, and have one length, may share a tag
  const bytes = new TextEncoder().encode(text.slice(0, 1024))
  return `[redacted ${halfSipHash(bytes, key[0] as number, key[1] as number)}]`
}

/** @see J.-P. Aumasson, D. J. Bernstein: SipHash, with words of 32 bits and 64 bits of output */
function halfSipHash(bytes: Uint8Array, k0: number, k1: number): string {
  let a = k0
  let b = k1 ^ 0xee
  let c = 0x6c796765 ^ k0
  let d = 0x74656462 ^ k1
  const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))
  const rounds = (count: number): void => {
    for (let round = 0; round < count; round++) {
      a = (a + b) | 0
      b = rotate(b, 5) ^ a
      a = rotate(a, 16)
      c = (c + d) | 0
      d = rotate(d, 8) ^ c
      a = (a + d) | 0
      d = rotate(d, 7) ^ a
      c = (c + b) | 0
      b = rotate(b, 13) ^ c
      c = rotate(c, 16)
    }
  }
  for (let at = 0; at <= bytes.length; at += 4) {
    const isLast = at + 4 > bytes.length
    let word = isLast ? bytes.length << 24 : 0
    for (let index = 0; index < 4; index++) word |= (bytes[at + index] ?? 0) << (8 * index)
    d ^= word
    rounds(2)
    a ^= word
  }
  c ^= 0xee
  rounds(4)
  const first = b ^ d
  b ^= 0xdd
  rounds(4)
  return [first, b ^ d].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}
