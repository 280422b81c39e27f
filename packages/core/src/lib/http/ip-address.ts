/** The four bytes of an IPv4 address in dotted decimals; `undefined` for any other text. Asked for each request without a token. */
export function parse4(text: string): number[] | undefined {
  if (text.length > 15) return undefined
  const bytes = [0, 0, 0, 0]
  let at = 0
  let digits = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x2e && digits > 0 && at < 3) {
      at++
      digits = 0
    } else if (code >= 0x30 && code <= 0x39 && digits++ < 3) {
      bytes[at] = (bytes[at] as number) * 10 + code - 0x30
    } else return undefined
  }
  return at === 3 && digits > 0 && bytes.every((byte) => byte < 256) ? bytes : undefined
}

/**
 * The eight groups of an IPv6 address, with an IPv4 address as the last two if it is written so; a zone is left out.
 *
 * @see RFC 4291 section 2.2
 */
export function parse6(text: string): number[] | undefined {
  const [plain = ''] = text.split('%', 1)
  const [, before = plain, tail] = /^(.*:)(\d[\d.]*\.\d+)$/.exec(plain) ?? []
  const four = tail === undefined ? [] : parse4(tail)
  if (four === undefined) return undefined
  const [a = 0, b = 0, c = 0, d = 0] = four
  const last = tail === undefined ? [] : [(a << 8) | b, (c << 8) | d]
  // The colon in front of an IPv4 part is not one between groups.
  const rest = tail === undefined || before.endsWith('::') ? before : before.slice(0, -1)
  const halves = rest.split('::')
  if (halves.length > 2) return undefined
  const [head = [], foot] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const given = [...head, ...(foot ?? [])]
  if (!given.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined
  const zeros = 8 - given.length - last.length
  if (foot === undefined ? zeros !== 0 : zeros < 1) return undefined
  const hex = (group: string): number => Number.parseInt(group, 16)
  return [...head.map(hex), ...Array<number>(zeros).fill(0), ...(foot ?? []).map(hex), ...last]
}

/**
 * The bytes of an address, 4 or 16. An IPv4 address that arrived over an IPv6 socket (`::ffff:0:0/96`) is that IPv4 address.
 */
export function addressBytes(text: string): readonly number[] | undefined {
  // Longer than any address with its zone
  if (text.length > 100) return undefined
  if (!text.includes(':')) return parse4(text)
  const groups = parse6(text)
  const bytes = groups?.flatMap((group) => [group >> 8, group & 255])
  const isMapped = groups?.slice(0, 6).every((group, index) => group === (index === 5 ? 0xffff : 0))
  return isMapped ? bytes?.slice(12) : bytes
}
