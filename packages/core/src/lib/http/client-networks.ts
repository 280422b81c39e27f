import { parse4, parse6 } from './ip-address.js'

/** A network that a client address is in. */
export interface ClientNetwork {
  /** In one spelling for all spellings of its addresses, such as `192.0.2.1/32` or `2001:db8:1:2/64`. */
  readonly name: string
  /** How many times the limit of one client all of the network together has. */
  readonly share: number
}

/** Counts as one client each: what is no address says nothing about who it is. */
const unknown: readonly ClientNetwork[] = [{ name: 'unknown', share: 1 }]

/**
 * The networks to count a client address by, from the narrowest to the widest. For IPv6 these are the /64 (one link), the /56
 * (one household) and the /48 (one site), since whoever has the wide one has all of the narrow ones; for IPv4 the
 * address and its /24.
 *
 * An IPv6 address that stands for an IPv4 one is that IPv4 address: mapped (`::ffff:0:0/96`), translated by SIIT
 * (`::ffff:0:0:0/96`), by NAT64 (`64:ff9b::/96` and, with a prefix of 96 bits, `64:ff9b:1::/48`), or 6to4 (`2002::/16`). All of IPv4
 * would share one /64 otherwise, or have a /48 for each address. A NAT64 in front of IPv6 clients hides them behind
 * its IPv4 address, and they count as that one. A zone and a port are left out; anything that is no address is
 * `unknown`, together with all others.
 *
 * @param address as a socket or a trusted proxy tells it
 * @see RFC 6177 section 2, RFC 4291 section 2.5.5.2, RFC 6052 section 2.1, RFC 8215, RFC 7915, RFC 3056 section 2
 */
export function clientNetworks(address: string): readonly ClientNetwork[] {
  // Longer than any address, with a zone and a port
  if (address.length > 100) return unknown
  const plain = parse4(address)
  if (plain !== undefined) return networks4(plain)
  const bare = withoutPort(address)
  const four = bare.includes(':') ? undefined : parse4(bare)
  if (four !== undefined) return networks4(four)
  const groups = parse6(bare)
  if (groups === undefined) return unknown
  const embedded = embedded4(groups)
  return embedded === undefined ? networks6(groups) : networks4(embedded)
}

function networks4([a, b, c, d]: readonly number[]): ClientNetwork[] {
  return [
    { name: `${a}.${b}.${c}.${d}/32`, share: 1 },
    { name: `${a}.${b}.${c}/24`, share: 16 },
  ]
}

function networks6(groups: readonly number[]): ClientNetwork[] {
  const [a = 0, b = 0, c = 0, d = 0] = groups
  const site = [a, b, c].map((group) => group.toString(16)).join(':')
  return [
    { name: `${site}:${d.toString(16)}/64`, share: 1 },
    { name: `${site}:${(d & 0xff00).toString(16)}/56`, share: 4 },
    { name: `${site}/48`, share: 16 },
  ]
}

/** The IPv4 address that an IPv6 one stands for. */
function embedded4([a, b, c, d, e, f, g = 0, h = 0]: readonly number[]): readonly number[] | undefined {
  const isLow = d === 0 && ((a === 0 && b === 0 && c === 0) || (a === 0x64 && b === 0xff9b && c === 0))
  const isMapped = isLow && a === 0 && ((e === 0 && f === 0xffff) || (e === 0xffff && f === 0))
  const isNat64 = (isLow && a === 0x64 && e === 0 && f === 0) || (a === 0x64 && b === 0xff9b && c === 1)
  if (isMapped || isNat64) return bytesOf(g, h)
  return a === 0x2002 ? bytesOf(b ?? 0, c ?? 0) : undefined
}

function bytesOf(high: number, low: number): number[] {
  return [high >> 8, high & 255, low >> 8, low & 255]
}

function withoutPort(address: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(address) ?? []
  return bracketed ?? /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(address)?.[1] ?? address
}
