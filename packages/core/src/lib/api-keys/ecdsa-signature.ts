/**
 * The two numbers of an ECDSA signature one after the other, as WebCrypto wants them, from the form with a length before
 * each that most other libraries write.
 *
 * @param der `ECDSA-Sig-Value` (RFC 3279 section 2.2.3) for P-256
 * @returns 64 bytes; `undefined` for what is no such signature
 */
export function toRawSignature(der: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  // Two numbers of at most 33 bytes: every length is a single byte
  if (der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return undefined
  const raw = new Uint8Array(64)
  let at = 2
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0
    if (der[at] !== 0x02 || length === 0 || at + 2 + length > der.length) return undefined
    const number = der.subarray(at + 2, at + 2 + length)
    // A zero stands in front of a number whose first bit is set
    const digits = number[0] === 0 ? number.subarray(1) : number
    if (digits.length > 32) return undefined
    raw.set(digits, end - digits.length)
    at += 2 + length
  }
  return at === der.length ? raw : undefined
}
