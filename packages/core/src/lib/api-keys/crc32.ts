const table = /* @__PURE__ */ Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/**
 * CRC-32 of an ASCII text (ISO 3309, as in gzip and PNG). It finds mistakes in writing, and keeps out nobody who wants to
 * forge one. `zlib.crc32` is not on every runtime.
 *
 * @param end where the text is taken to end
 */
export function crc32(text: string, end: number = text.length): number {
  let value = -1
  for (let index = 0; index < end; index++) {
    value = (value >>> 8) ^ (table[(value ^ text.charCodeAt(index)) & 255] as number)
  }
  return ~value >>> 0
}
