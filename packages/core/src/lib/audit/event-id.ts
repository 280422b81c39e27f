const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/**
 * Makes UUIDs of version 7 that only ever grow within one process, also when the clock is set back: it then keeps counting at
 * the time it had.
 *
 * @param now milliseconds since the epoch
 * @see RFC 9562 section 5.7, section 6.2 (method 1)
 */
export function createEventIds(now: () => number = Date.now): () => string {
  let time = 0
  let counter = 0
  // Asking for random bytes costs about the same for a few as for a thousand
  const random = new Uint8Array(1024)
  let at = random.length
  return () => {
    const current = Math.floor(now())
    if (at === random.length) {
      crypto.getRandomValues(random)
      at = 0
    }
    const from = at
    at += 8
    if (current > time) {
      time = current
      // Leaves room to count up, and starts where nobody can tell
      counter = ((random[from + 6] as number) << 3) & 0x7ff
    } else if (++counter > 0xfff) {
      time++
      counter = 0
    }
    const high = Math.floor(time / 0x10000)
    const low = time % 0x10000
    random[from] = ((random[from] as number) & 0x3f) | 0x80
    const byte = (index: number) => hex[random[from + index] as number]
    return `${high.toString(16).padStart(8, '0')}-${low.toString(16).padStart(4, '0')}-7${counter.toString(16).padStart(3, '0')}-${byte(0)}${byte(1)}-${byte(2)}${byte(3)}${byte(4)}${byte(5)}${byte(6)}${byte(7)}`
  }
}
