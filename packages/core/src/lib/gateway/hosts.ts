import { isLoopbackHost } from '../http/loopback.js'

/** Which of a gateway's hosts a request is for. */
export type NamedHost =
  /** One of its own, as `hostKey` writes it. */
  | { readonly kind: 'own'; readonly host: string }
  /**
   * A name that tells nothing: an address, a name of this machine or network, or one of `allowedHosts`. Proxies in front and
   * health checks write such names.
   */
  | { readonly kind: 'any' }
  /** A public name that is not one of its own. */
  | { readonly kind: 'foreign'; readonly host: string }

const any: NamedHost = { kind: 'any' }

/** Which entries are remembered: names of hosts are written by clients. */
const maxLength = 255

/** A host as it is compared: in lower case, and without a default port of either scheme, since a proxy may have ended TLS. */
export function hostKey(url: string | URL): string {
  return new URL(url).host.replace(/:(?:80|443)$/, '')
}

/**
 * Finds the host that requests are for. It only chooses between what is configured for several hosts; nothing that an
 * answer says is taken from a request.
 *
 * @param urls the public URLs of the gateway and its servers
 */
export function createHosts(
  urls: readonly string[],
  allowedHosts: readonly string[] = [],
): (request: Request) => NamedHost {
  const byKey = new Map<string, NamedHost>()
  const byName = new Map<string, NamedHost>()
  for (const url of urls) {
    const own: NamedHost = { kind: 'own', host: hostKey(url) }
    byKey.set(own.host, own)
    const name = new URL(url).hostname
    const another = byName.get(name)
    byName.set(name, another === undefined || (another.kind === 'own' && another.host === own.host) ? own : any)
  }
  const allowed = new Set(allowedHosts.map((name) => name.toLowerCase()))

  const find = (host: string): NamedHost => {
    // An IPv6 address has many spellings (RFC 5952)
    const usual = host.startsWith('[') && URL.canParse(`http://${host}`) ? new URL(`http://${host}`).host : host
    const own = byKey.get(usual.replace(/:(?:80|443)$/, ''))
    if (own !== undefined) return own
    const name = usual.replace(/:\d{1,5}$/, '')
    // Proxies leave the port out of what they pass on
    const namesake = name === usual ? byName.get(name) : undefined
    if (namesake !== undefined) return namesake
    return isPrivate(name) || allowed.has(name) ? any : { kind: 'foreign', host: usual.slice(0, maxLength) }
  }

  return ({ headers, url }) => {
    const host = (headers.get('host') || hostOf(url)).toLowerCase()
    return byKey.get(host) ?? find(host)
  }
}

/** Whether no gateway has this as its public name: an address, this machine, or a name without a domain. */
function isPrivate(name: string): boolean {
  return name.startsWith('[') || isLoopbackHost(name) || /^[\d.]+$/.test(name) || !name.includes('.')
}

/** The host of a URL, without the cost of a `URL` object. */
export function hostOf(url: string): string {
  const start = url.indexOf('://') + 3
  const end = url.indexOf('/', start)
  return url.slice(start, end === -1 ? url.length : end)
}
