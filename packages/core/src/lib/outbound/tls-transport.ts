import { isNode } from '../runtime/is-node.js'
import type { OutboundFetch } from './bounded-fetch.js'
import { httpsRequest } from './https-request.js'
import type { TlsOptions } from './tls-options.js'

/**
 * A transport to https URLs that trusts the given authorities and shows the given certificate. It keeps connections for
 * the next request.
 *
 * @returns `undefined` on anything but Node, whose `fetch` cannot be told either
 */
export function tlsTransport(options: TlsOptions): OutboundFetch | undefined {
  if (!isNode()) return undefined
  const { Agent } = process.getBuiltinModule('node:https')
  const agent = new Agent({ keepAlive: true, timeout: keepAlive, ...options })
  return (url, init = {}) => httpsRequest(new URL(url), init, { agent })
}

/** Milliseconds that an unused connection is kept: shorter than most servers do, since one that they close is lost. */
const keepAlive = 4000
