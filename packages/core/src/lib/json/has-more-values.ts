const quote = 0x22
const backslash = 0x5c

/**
 * Whether a JSON text may hold more than so many values, without parsing it: a parsed value takes up to a hundred times
 * its bytes. It counts what begins a value (`[`, `{` and commas outside of strings), so that an empty list counts as two
 * values. Each value takes two bytes, so a text that is short enough is not looked at. Of what is no JSON it makes no
 * sense, but it ends.
 */
export function hasMoreValues(bytes: Uint8Array, max: number): boolean {
  if (bytes.length < 2 * max) return false
  let count = 1
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]
    if (byte === quote) {
      index = stringEnd(bytes, index)
    } else if (byte === 0x2c || byte === 0x5b || byte === 0x7b) {
      if (++count > max) return true
    }
  }
  return false
}

// Each quote looks back over the backslashes before it, at most to the quote before: linear in all
function stringEnd(bytes: Uint8Array, start: number): number {
  for (let end = bytes.indexOf(quote, start + 1); end !== -1; end = bytes.indexOf(quote, end + 1)) {
    let back = end - 1
    while (back > start && bytes[back] === backslash) back--
    if ((end - back) % 2 === 1) return end
  }
  return bytes.length
}
