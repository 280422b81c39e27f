import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { addressBytes } from './ip-address.js'

interface Range {
  readonly bytes: readonly number[]
  readonly bits: number
}

/**
 * Makes a function that tells whether an address is in a list. An IPv4 address in its IPv6 form is that IPv4 address; what is
 * no address is in no list.
 *
 * @param entries addresses and CIDR ranges (RFC 4632), such as `10.0.0.0/8` or `2001:db8::/32`
 * @param option the option that has them
 * @throws {GatewayError} `invalid_configuration` for an entry that is neither
 */
export function addressList(entries: readonly string[], option: string): (address: string) => boolean {
  const ranges = entries.map((entry) => readRange(entry, option))
  return (address) => {
    const bytes = addressBytes(address)
    return bytes !== undefined && ranges.some((range) => isIn(bytes, range))
  }
}

function readRange(entry: string, option: string): Range {
  const [address = '', bits, more] = entry.split('/')
  const bytes = addressBytes(address)
  const whole = (bytes?.length ?? 0) * 8
  // A mapped address has lost the 96 bits in front of it
  const length = bits === undefined ? whole : Number(bits) - (address.includes(':') && whole === 32 ? 96 : 0)
  if (bytes === undefined || more !== undefined || !/^\d{1,3}$/.test(bits ?? '0') || length < 0 || length > whole) {
    throw invalidConfiguration(`${option} has ${JSON.stringify(entry)}; write addresses or ranges such as 10.0.0.0/8`)
  }
  return { bytes, bits: length }
}

function isIn(bytes: readonly number[], range: Range): boolean {
  if (bytes.length !== range.bytes.length) return false
  for (let index = 0; index * 8 < range.bits; index++) {
    const left = range.bits - index * 8
    const mask = left >= 8 ? 255 : 255 & ~(255 >> left)
    if ((((bytes[index] as number) ^ (range.bytes[index] as number)) & mask) !== 0) return false
  }
  return true
}
