import { GatewayError } from '../contract/gateway-error.js'
import { isNode } from '../runtime/is-node.js'
import type { OutboundFetch } from './bounded-fetch.js'
import { httpsRequest } from './https-request.js'
import { isPublicAddress } from './public-address.js'
import { resolveName } from './resolve-name.js'

type Dns = typeof import('node:dns')
type Lookup = (
  hostname: string,
  options: { all: true; signal?: AbortSignal },
  callback: (error: NodeJS.ErrnoException | null, addresses: { address: string; family: number }[]) => void,
) => void

/** A lookup as a socket asks for it. */
type Checked = (hostname: string, options: { all?: boolean }, callback: (...result: never[]) => void) => void

/** What a test may put in place of the resolver and the address rule; nobody else does. */
export interface PinnedTransportParts {
  readonly lookup?: Lookup
  readonly isAllowed?: (address: string) => boolean
  readonly ca?: string
}

/**
 * A transport that connects to public addresses only. The address that was checked is the one that is connected to,
 * since the check is the socket's own name lookup: a name that answers differently a moment later gains nothing. One
 * forbidden address among several refuses the name. Each request has a connection of its own. Names are resolved as
 * `resolveName` does, so that one which is never answered keeps nobody else waiting.
 *
 * @returns `undefined` where connections cannot be pinned: on anything but Node
 */
export function pinnedTransport(parts: PinnedTransportParts = {}): OutboundFetch | undefined {
  // The connections of others do not all honour a lookup function
  if (!isNode()) return undefined
  const dns = process.getBuiltinModule('node:dns') as Dns
  const { lookup = byNameServer(dns), isAllowed = isPublicAddress, ca } = parts

  const pinned = (
    hostname: string,
    options: { all?: boolean },
    callback: (...result: never[]) => void,
    signal: AbortSignal | undefined,
  ): void => {
    const answer = callback as (error: Error | null, ...rest: unknown[]) => void
    if (isLocalName(hostname)) {
      process.nextTick(answer, new GatewayError('outbound_refused', `${hostname} is not on the public Internet`))
      return
    }
    lookup(hostname, { all: true, signal }, (error, addresses) => {
      if (error) return answer(error)
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => isAllowed(address))) {
        return answer(new GatewayError('outbound_refused', `${hostname} is not on the public Internet`))
      }
      if (options.all) answer(null, addresses)
      else answer(null, first.address, first.family)
    })
  }

  return (input, init = {}) => {
    const until = init.signal ?? undefined
    const checked: Checked = (name, how, callback) => pinned(name, how, callback, until)
    return httpsRequest(new URL(input), init, { lookup: checked as never, agent: false, ca })
  }
}

/** RFC 6761 section 6.3: such a name is this machine's and is asked of no server; nor is one without a dot public. */
function isLocalName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  return !name.includes('.') || name.endsWith('.localhost')
}

function byNameServer(dns: Dns): Lookup {
  return (hostname, { signal }, callback) => {
    resolveName(dns, hostname, signal).then(
      (addresses) => callback(null, addresses),
      (error) => callback(error, []),
    )
  }
}
