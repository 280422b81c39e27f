import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { invalidConfiguration } from '../../contract/invalid-configuration.js'
import { textList } from '../../contract/option-types.js'

/**
 * Makes a function that tells a request's client address: the socket's, or, where the socket's is a trusted proxy, the
 * right-most address of `X-Forwarded-For` that is not one. What a stranger writes into that header is ignored.
 *
 * @param trustedProxies addresses and CIDR ranges
 * @throws {GatewayError} `invalid_configuration` for an entry that is neither
 */
export function clientAddress(trustedProxies: readonly string[]): (request: IncomingMessage) => string | undefined {
  textList(trustedProxies, 'trustedProxies')
  const trusted = new BlockList()
  for (const entry of trustedProxies) addEntry(trusted, entry)
  const isTrusted = (address: string) => trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

  return (request) => {
    const peer = plain(request.socket?.remoteAddress)
    if (peer === undefined || trustedProxies.length === 0 || !isTrusted(peer)) return peer
    const forwarded = request.headers['x-forwarded-for']
    const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',')
    let address = peer
    for (const hop of hops.reverse()) {
      const next = plain(
        hop
          .trim()
          .replace(/^\[(.+)\](?::\d+)?$/, '$1')
          .replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1'),
      )
      // A trusted proxy that writes nonsense is believed no further than its own address
      if (next === undefined || isIP(next) === 0) return address
      address = next
      if (!isTrusted(address)) return address
    }
    return address
  }
}

function addEntry(list: BlockList, entry: string): void {
  const [address = '', bits, more] = entry.split('/')
  const version = isIP(address)
  const prefix = bits === undefined ? undefined : Number(bits)
  const valid = prefix === undefined || (/^\d+$/.test(bits ?? '') && prefix <= (version === 6 ? 128 : 32))
  if (version === 0 || more !== undefined || !valid) {
    throw invalidConfiguration(
      `trustedProxies has ${JSON.stringify(entry)}; write addresses or ranges such as 10.0.0.0/8`,
    )
  }
  const family = version === 6 ? 'ipv6' : 'ipv4'
  if (prefix === undefined) list.addAddress(address, family)
  else list.addSubnet(address, prefix, family)
}

/** An IPv4 address that arrived over an IPv6 socket is that IPv4 address. */
function plain(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
