import { isLoopbackRedirectUri } from '../authorize/redirect-uri.js'

/** Callbacks of applications that cannot use https or loopback, each an exact string. */
export const knownPrivateUseUris: readonly string[] = ['cursor://anysphere.cursor-mcp/oauth/callback']

/**
 * Says why a redirect URI cannot be registered, or `undefined` if it can: https, http on loopback, or one of the
 * private-use URIs that are known (RFC 8252 section 7, RFC 9700 section 4.1).
 */
export function redirectUriFault(uri: string, privateUse: readonly string[]): string | undefined {
  if (privateUse.includes(uri)) return undefined
  // Printable ASCII only: what a URL parser would drop or repair is not let in.
  if (!/^[\x21-\x7e]+$/.test(uri) || /[\\"<>^`{|}]/.test(uri)) return 'has characters that do not belong in a URI'
  if (uri.includes('#')) return 'has a fragment'
  const https = /^https:\/\/(?<authority>[^/?]+)(?:[/?]|$)/.exec(uri)
  if (https?.groups?.authority) {
    const { authority } = https.groups
    if (authority.includes('@')) return 'has a user name'
    return /^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(authority)
      ? undefined
      : 'has a host that is no host name'
  }
  if (isLoopbackRedirectUri(uri)) return undefined
  if (/^http:/i.test(uri)) return 'is http, which only 127.0.0.1, [::1] and localhost may use'
  return 'has a scheme that is not accepted here'
}
