/**
 * HMAC-SHA-256 at once, on every runtime: WebCrypto has it as a promise only, and Node's own is not everywhere. For texts of
 * the log, of which there are few; it takes some microseconds, and does not hide from a clock how long a text is.
 *
 * @param text is hashed in UTF-8
 * @returns 64 hexadecimal digits
 * @see RFC 2104 section 2; FIPS 180-4 sections 5 and 6
 */
export function hmacSha256(key: Uint8Array, text: string): string {
  const block = new Uint8Array(64)
  block.set(key.length > 64 ? sha256(key) : key)
  const inner = sha256(concatenate(xor(block, 0x36), new TextEncoder().encode(text)))
  return toHex(sha256(concatenate(xor(block, 0x5c), inner)))
}

/** SHA-256 of a text in UTF-8, at once, as 64 hexadecimal digits; for what is not secret, or too random to be guessed. */
export function sha256AtOnce(text: string): string {
  return toHex(sha256(new TextEncoder().encode(text)))
}

/** A random key of 256 bits. Some hosts have no random numbers while a module is loaded. */
export function randomKey(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(32))
}

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4 section 4.2.2). */
const constants = wordsOf(
  '428a2f9871374491b5c0fbcfe9b5dba53956c25b59f111f1923f82a4ab1c5ed5d807aa9812835b01243185be550c7dc3' +
    '72be5d7480deb1fe9bdc06a7c19bf174e49b69c1efbe47860fc19dc6240ca1cc2de92c6f4a7484aa5cb0a9dc76f988da' +
    '983e5152a831c66db00327c8bf597fc7c6e00bf3d5a7914706ca63511429296727b70a852e1b21384d2c6dfc53380d13' +
    '650a7354766a0abb81c2c92e92722c85a2bfe8a1a81a664bc24b8b70c76c51a3d192e819d6990624f40e3585106aa070' +
    '19a4c1161e376c082748774c34b0bcb5391c0cb34ed8aa4a5b9cca4f682e6ff3748f82ee78a5636f84c878148cc70208' +
    '90befffaa4506cebbef9a3f7c67178f2',
)
/** The same of the square roots of the first 8 (section 5.3.3). */
const initial = wordsOf('6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19')

function sha256(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 0x20000000))
  view.setUint32(padded.length - 4, bytes.length << 3)
  const state = initial.slice()
  const words = new Int32Array(64)
  for (let start = 0; start < padded.length; start += 64) addBlock(state, words, view, start)
  const hash = new DataView(new ArrayBuffer(32))
  state.forEach((word, index) => {
    hash.setInt32(4 * index, word)
  })
  return new Uint8Array(hash.buffer)
}

/** FIPS 180-4 section 6.2.2 */
function addBlock(state: Int32Array, words: Int32Array, view: DataView, start: number): void {
  for (let index = 0; index < 64; index++) {
    if (index < 16) {
      words[index] = view.getInt32(start + 4 * index)
      continue
    }
    const [a, b] = [at(words, index - 15), at(words, index - 2)]
    const first = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)
    const second = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10)
    words[index] = at(words, index - 16) + first + at(words, index - 7) + second
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let index = 0; index < 64; index++) {
    const ofE = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const ofA = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const choice = (e & f) ^ (~e & g)
    const majority = (a & b) ^ (a & c) ^ (b & c)
    const next = (h + ofE + choice + at(constants, index) + at(words, index)) | 0
    h = g
    g = f
    f = e
    e = (d + next) | 0
    d = c
    c = b
    b = a
    a = (next + ofA + majority) | 0
  }
  const sums = [a, b, c, d, e, f, g, h]
  sums.forEach((sum, index) => {
    state[index] = at(state, index) + sum
  })
}

function at(words: Int32Array, index: number): number {
  return words[index] as number
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}

function xor(block: Uint8Array, byte: number): Uint8Array {
  return block.map((one) => one ^ byte)
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

function wordsOf(hex: string): Int32Array {
  return Int32Array.from(hex.match(/.{8}/g) ?? [], (word) => Number.parseInt(word, 16) | 0)
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
