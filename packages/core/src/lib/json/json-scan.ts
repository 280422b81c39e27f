/** A range of bytes, the end excluded. */
export interface Span {
  readonly start: number
  readonly end: number
}

const quote = 0x22
const backslash = 0x5c

/**
 * Visits the members of the JSON object that starts at `at`, without looking into their values. The bytes must be
 * valid JSON; of others it makes no sense, but it ends.
 *
 * @returns the index behind the object
 */
export function scanObject(
  bytes: Uint8Array,
  at: number,
  visit: (key: string, value: Span, start: number) => void,
): number {
  return walkObject(bytes, at, (key, start, keyStart) => {
    const end = skipValue(bytes, start)
    visit(key, { start, end }, keyStart)
    return end
  })
}

/**
 * The same for a visitor that goes into values itself, so that nested ones are passed once.
 *
 * @param visit gets where the value begins, and returns the index behind it
 */
export function walkObject(
  bytes: Uint8Array,
  at: number,
  visit: (key: string, start: number, keyStart: number) => number,
): number {
  return walkMembers(bytes, at, (keyStart, keyEnd, start) => visit(readKey(bytes, keyStart, keyEnd), start, keyStart))
}

/** The same for a visitor that reads only some of the names: it gets where each begins and ends, with its quotes. */
export function walkMembers(
  bytes: Uint8Array,
  at: number,
  visit: (keyStart: number, keyEnd: number, start: number) => number,
): number {
  let index = skipSpace(bytes, at + 1)
  while (bytes[index] === quote) {
    const keyEnd = skipString(bytes, index)
    index = skipSpace(bytes, visit(index, keyEnd, skipSpace(bytes, skipSpace(bytes, keyEnd) + 1)))
    if (bytes[index] !== 0x2c) break
    index = skipSpace(bytes, index + 1)
  }
  return index + 1
}

/**
 * Visits the elements of the JSON array that starts at `at`.
 *
 * @returns the index behind the array
 */
export function scanArray(bytes: Uint8Array, at: number, visit: (value: Span) => void): number {
  return walkArray(bytes, at, (start) => {
    const end = skipValue(bytes, start)
    visit({ start, end })
    return end
  })
}

/** The same for a visitor that goes into the elements itself, and returns the index behind each. */
export function walkArray(bytes: Uint8Array, at: number, visit: (start: number) => number): number {
  let start = skipSpace(bytes, at + 1)
  while (start < bytes.length && bytes[start] !== 0x5d) {
    start = skipSpace(bytes, visit(start))
    if (bytes[start] !== 0x2c) break
    start = skipSpace(bytes, start + 1)
  }
  return start + 1
}

/** The value of a member of the object at `span`; the last one where a key occurs twice, as `JSON.parse` takes it. */
export function member(bytes: Uint8Array, span: Span | undefined, key: string): Span | undefined {
  if (span === undefined || bytes[span.start] !== 0x7b) return undefined
  let found: Span | undefined
  scanObject(bytes, span.start, (name, value) => {
    if (name === key) found = value
  })
  return found
}

/** The index of the first byte that is no white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let index = at
  for (let byte = bytes[index]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[index]) {
    index++
  }
  return index
}

const decoder = new TextDecoder()

/** Up to this length a key is read faster byte by byte; a longer one would cost 32 bytes for each of its own. */
const short = 64

/** The name of a member that stands here, with its quotes. */
export function readKey(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > short) return parseKey(decoder.decode(bytes.subarray(start, end)))
  let plain = ''
  for (let index = start + 1; index < end - 1; index++) {
    const byte = bytes[index] as number
    // What is escaped or not ASCII is rare in a key
    if (byte === backslash || byte > 0x7e) return parseKey(decoder.decode(bytes.subarray(start, end)))
    plain += String.fromCharCode(byte)
  }
  return plain
}

function parseKey(text: string): string {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Up to this many bytes are cheaper to look at one by one than to search. */
const few = 96

function skipString(bytes: Uint8Array, at: number): number {
  let index = at + 1
  for (const end = Math.min(index + few, bytes.length); index < end; index++) {
    const byte = bytes[index]
    if (byte === quote) return index + 1
    if (byte === backslash) index++
  }
  // Each quote looks back over the backslashes before it, at most to the quote before: linear in all
  const from = index
  for (let end = bytes.indexOf(quote, from); end !== -1; end = bytes.indexOf(quote, end + 1)) {
    let back = end - 1
    while (back >= from && bytes[back] === backslash) back--
    if ((end - back) % 2 === 1) return end + 1
  }
  return bytes.length
}

/** The index behind the value that begins here. */
export function skipValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first === quote) return skipString(bytes, at)
  if (first === 0x7b || first === 0x5b) return skipNested(bytes, at)
  let index = at
  for (; index < bytes.length; index++) {
    const byte = bytes[index]
    if (byte === 0x2c || byte === 0x7d || byte === 0x5d || (byte !== undefined && byte <= 0x20)) break
  }
  return index
}

function skipNested(bytes: Uint8Array, at: number): number {
  let depth = 0
  for (let index = at; index < bytes.length; index++) {
    const byte = bytes[index] as number
    if (byte === quote) {
      index = skipString(bytes, index) - 1
      continue
    }
    // Braces and square brackets differ in this bit alone
    const bracket = byte | 0x20
    if (bracket === 0x7b) depth++
    else if (bracket === 0x7d && --depth === 0) return index + 1
  }
  return bytes.length
}
