/**
 * Whether a host is this machine and cannot be another: an address in 127.0.0.0/8, `[::1]`, one of 127.0.0.0/8 mapped into
 * IPv6, or the name `localhost`, in either case.
 *
 * No other name counts. `localhost.` and names below `localhost` are asked of a name server in many systems, so a network
 * could answer them with an address of its own, and its page would pass as one of this machine (DNS rebinding). `0.0.0.0`
 * and `[::]` are every address of the machine.
 *
 * @param host as `URL.hostname` has it, or of a `Host` header, without port; IPv6 addresses in brackets
 * @see RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3, RFC 6761 section 6.3
 */
export function isLoopbackHost(host: string): boolean {
  if (host.startsWith('[')) return isLoopbackAddress6(host)
  return /^localhost$/i.test(host) || /^127(?:\.(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])){3}$/.test(host)
}

/** Whether a URL names this machine only. A name before `@` is no host. */
export function isLoopback(url: URL): boolean {
  return isLoopbackHost(url.hostname)
}

function isLoopbackAddress6(host: string): boolean {
  // An IPv6 address has many spellings, and `URL` knows the usual one (RFC 5952)
  const url = `http://${host}/`
  const address = /^\[[\da-f:.]{2,45}\]$/i.test(host) && URL.canParse(url) ? new URL(url).hostname : ''
  return address === '[::1]' || /^\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\]$/.test(address)
}
