import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { textList } from '../../contract/option-types.js'
import { addressList } from '../../http/address-list.js'

/**
 * Makes a function that tells a request's client address: the socket's, or, where the socket's is a trusted proxy, the
 * right-most address of `X-Forwarded-For` that is not one. What a stranger writes into that header is ignored.
 *
 * @param trustedProxies addresses and CIDR ranges
 * @throws {GatewayError} `invalid_configuration` for an entry that is neither
 */
export function clientAddress(trustedProxies: readonly string[]): (request: IncomingMessage) => string | undefined {
  textList(trustedProxies, 'trustedProxies')
  const isTrusted = addressList(trustedProxies, 'trustedProxies')

  return (request) => {
    const peer = peerAddress(request)
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

/** The address of the other end of a request's socket, whoever that is; `undefined` for a socket that is a file. */
export function peerAddress(request: IncomingMessage): string | undefined {
  return plain(request.socket?.remoteAddress)
}

/** An IPv4 address that arrived over an IPv6 socket is that IPv4 address. */
function plain(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
