import { GatewayError } from '../contract/gateway-error.js'
import type { OutboundFetch } from './bounded-fetch.js'

/** A transport that refuses every redirect, whatever it leads to. */
export function withoutRedirects(inner: OutboundFetch): OutboundFetch {
  return async (url, init) => {
    const response = await inner(url, init)
    if (
      response.type === 'opaqueredirect' ||
      (response.status >= 300 && response.status < 400 && response.status !== 304)
    ) {
      await response.body?.cancel()
      throw new GatewayError('outbound_refused', `${new URL(url).origin} redirects`)
    }
    return response
  }
}
