/** Networks that are not the public Internet. IANA special-purpose registry for IPv4 (RFC 6890), and multicast. */
const special4: readonly [network: string, length: number][] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT; some clouds keep their metadata service in it
  ['127.0.0.0', 8], // loopback
  ['168.63.129.16', 32], // Azure's platform service, reachable from inside alone
  ['169.254.0.0', 16], // link-local, with most clouds' metadata services
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24], // AS112
  ['192.52.193.0', 24], // AMT
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['192.175.48.0', 24], // AS112
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
]

/**
 * What is not public inside 2000::/3, the only part of IPv6 that is, beside NAT64. Loopback and mapped addresses, unique
 * local, link-local and multicast ones lie outside of it, and the prefixes for NAT64 within one network (64:ff9b:1::/48).
 */
const special6: readonly [network: string, length: number][] = [
  ['2001::', 23], // protocol assignments, with Teredo and ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: an IPv4 address inside
  ['2620:4f:8000::', 48], // AS112
  ['3fff::', 20], // documentation
]

/** 64:ff9b::/96 without its last 32 bits. In an IPv6-only network, every IPv4 host has its address there (DNS64). */
const nat64 = 0x64_ff9bn << 64n

/**
 * Says whether an IP address is on the public Internet. Anything that is no plain IPv4 or IPv6 address is not. One in the
 * well-known prefix of NAT64 is judged by the IPv4 address inside it (RFC 6052 section 2.1).
 *
 * @param address as DNS or a socket gives it, without brackets
 */
export function isPublicAddress(address: string): boolean {
  const four = parse4(address)
  if (four !== undefined) return isPublic4(four)
  const six = parse6(address)
  if (six === undefined) return false
  if (six >> 32n === nat64) return isPublic4(Number(BigInt.asUintN(32, six)))
  return six >> 125n === 1n && !networks6.some(([network, shift]) => six >> shift === network)
}

function isPublic4(address: number): boolean {
  return !networks4.some(([network, shift]) => address >>> shift === network)
}

const networks4 = special4.map(
  ([network, length]) => [(parse4(network) as number) >>> (32 - length), 32 - length] as const,
)
const networks6 = special6.map(([network, length]) => {
  const shift = BigInt(128 - length)
  return [(parse6(network) as bigint) >> shift, shift] as const
})

function parse4(address: string): number | undefined {
  if (!/^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(address)) return undefined
  return address.split('.').reduce((value, part) => (value << 8) | Number(part), 0) >>> 0
}

function parse6(address: string): bigint | undefined {
  if (!/^[0-9a-f:.]+$/i.test(address) || !URL.canParse(`http://[${address}]`)) return undefined
  // The URL parser writes an embedded IPv4 address as two groups, and compresses one run of zeros.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const before = groups(head)
  const after = groups(tail ?? '')
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}
