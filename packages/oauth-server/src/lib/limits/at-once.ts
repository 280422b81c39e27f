import { type Context, GatewayError } from '@mcp-gateway/core'
import { clientNetworks, KeyCounter } from '@mcp-gateway/core/internal'

/** Fetches under way for one client; the networks around it have as many times more as their share says, up to `mostOfAll`. */
const most = 4
const mostOfAll = 8

/** Fetches a URL in the name of a client. */
export type AtOnce = <T>(context: Context, url: string, work: () => Promise<T>) => Promise<T>

/**
 * Limits what one client, and each network that it is in, has under way at once in this process: a host that somebody named
 * may take its time, and must not take the places of everybody else. Who asks for what is fetched already waits for that, and
 * does not count. Its memory is bounded by the work under way.
 *
 * The work is refused with GatewayError `temporarily_unavailable` where there is too much.
 */
export function createAtOnce(): AtOnce {
  const running = new KeyCounter()
  const urls = new Set<string>()

  return async ({ client }, url, work) => {
    if (urls.has(url)) return work()
    const networks = client?.address === undefined ? [] : clientNetworks(client.address)
    for (const { name, share } of networks) {
      if (running.get(name) < Math.min(most * share, mostOfAll)) continue
      throw new GatewayError('temporarily_unavailable', 'Too many client documents at once from this network')
    }
    for (const { name } of networks) running.add(name)
    urls.add(url)
    try {
      return await work()
    } finally {
      urls.delete(url)
      for (const { name } of networks) running.remove(name)
    }
  }
}
