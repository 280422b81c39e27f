import { isLoopbackRedirectUri } from './redirect-uri.js'

/** Callbacks of applications that cannot use https or loopback, each an exact string. */
const knownPrivateUseUris = ['cursor://anysphere.cursor-mcp/oauth/callback']

/** Where the clients that most people use send their answers. */
const knownHosts = [
  'claude.ai',
  'claude.com',
  'chatgpt.com',
  'cursor.com',
  'www.cursor.com',
  'vscode.dev',
  'insiders.vscode.dev',
]

/** Which redirect URIs may be registered. */
export interface RedirectUriRules {
  /** Hosts of https URIs; absent if any will do. */
  readonly hosts?: readonly string[]
  /** Private-use URIs, as exact strings. */
  readonly privateUse: readonly string[]
  /** What else private-use URIs may look like. */
  readonly patterns: readonly RegExp[]
}

/** @param allow which https hosts: any, those of well-known clients, or a list */
export function createRedirectUriRules(
  allow: 'any-host' | 'known-hosts' | readonly string[],
  privateUse: readonly string[],
): RedirectUriRules {
  const hosts = allow === 'any-host' ? undefined : allow === 'known-hosts' ? knownHosts : allow
  const isPattern = (uri: string): boolean => uri.includes('*')
  return {
    hosts,
    privateUse: [...knownPrivateUseUris, ...privateUse.filter((uri) => !isPattern(uri))],
    patterns: privateUse.filter(isPattern).map(toPattern),
  }
}

/** Whether each `*` of a private-use URI is a whole part behind its scheme, so that no app can pass for another. */
export function isRedirectUriPattern(uri: string): boolean {
  const [, rest = ''] = /^[a-z][a-z0-9+.-]*:(.+)$/i.exec(uri) ?? []
  return rest !== '' && !/[^/]\*|\*[^/?]/.test(rest.startsWith('*') ? `/${rest}` : rest)
}

function toPattern(uri: string): RegExp {
  const parts = uri.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  // No dot segments, which whoever opens the URI takes away with the part before them (RFC 3986 section 5.2.4)
  return new RegExp(`^${parts.join('(?!\\.{1,2}(?:[/?]|$))[\\w.~-]+')}$`)
}

/**
 * Says why a redirect URI cannot be registered, or `undefined` if it can: https, http on loopback, or one of the
 * private-use URIs that are known (RFC 8252 section 7, RFC 9700 section 4.1).
 */
export function redirectUriFault(uri: string, { hosts, privateUse, patterns }: RedirectUriRules): string | undefined {
  if (privateUse.includes(uri) || patterns.some((pattern) => pattern.test(uri))) return undefined
  // Printable ASCII only: what a URL parser would drop or repair is not let in.
  if (!/^[\x21-\x7e]+$/.test(uri) || /[\\"<>^`{|}]/.test(uri)) return 'has characters that do not belong in a URI'
  if (uri.includes('#')) return 'has a fragment'
  const authority = /^https:\/\/([^/?]+)(?:[/?]|$)/.exec(uri)?.[1]
  if (authority !== undefined) {
    if (authority.includes('@')) return 'has a user name'
    const host = /^([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.exec(authority)?.[1]
    if (host === undefined) return 'has a host that is no host name'
    return hosts && !hosts.includes(host.toLowerCase()) ? 'has a host that is not accepted here' : undefined
  }
  if (isLoopbackRedirectUri(uri)) return undefined
  if (/^http:/i.test(uri)) return 'is http, which only localhost, 127.0.0.0/8 and [::1] may use'
  return 'has a scheme that is not accepted here'
}
