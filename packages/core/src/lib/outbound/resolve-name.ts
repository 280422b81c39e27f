/** An address as a socket's lookup wants it. */
export interface ResolvedAddress {
  readonly address: string
  readonly family: 4 | 6
}

type Dns = typeof import('node:dns')

/** Seconds until a name must be resolved, whatever number of servers there is. */
const timeLimit = 3
/** Milliseconds that the addresses of one family wait for those of the other (RFC 8305 section 3, and some more). */
const patience = 200

/**
 * Resolves a name that a stranger gave, by asking the name servers of the system (or those of `dns.setServers`)
 * directly. `dns.lookup` is not used: it holds one of four threads for as long as a name server is silent, which whoever
 * owns the name decides, and every other lookup of the process waits for these threads. So `/etc/hosts`, mDNS and other
 * local sources are not asked, and a name without a dot is not completed; none of them has names of the public Internet.
 *
 * Rejects when there is no address in time, or the signal fires.
 */
export async function resolveName(dns: Dns, hostname: string, signal?: AbortSignal): Promise<ResolvedAddress[]> {
  signal?.throwIfAborted()
  const resolver = new dns.promises.Resolver({ timeout: 1000, tries: 2 })
  const servers = dns.getServers()
  if (servers.join() !== resolver.getServers().join()) resolver.setServers(servers)
  const cancel = (): void => resolver.cancel()
  const timer = setTimeout(cancel, timeLimit * 1000)
  signal?.addEventListener('abort', cancel, { once: true })
  const four = resolver.resolve4(hostname).then((all) => all.map((address) => ({ address, family: 4 as const })))
  const six = resolver.resolve6(hostname).then((all) => all.map((address) => ({ address, family: 6 as const })))
  try {
    const first = await Promise.any([four, six])
    return await Promise.race([both([four, six]), after(patience, first)])
  } catch (error) {
    signal?.throwIfAborted()
    throw error instanceof AggregateError ? error.errors[0] : error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
    resolver.cancel()
  }
}

async function both(families: readonly Promise<ResolvedAddress[]>[]): Promise<ResolvedAddress[]> {
  const settled = await Promise.allSettled(families)
  return settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
}

function after<T>(milliseconds: number, value: T): Promise<T> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds, value).unref()
  })
}
