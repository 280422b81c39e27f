/**
 * The paths at which the metadata of an issuer may be: first where OAuth and OpenID Connect put it, then the two forms
 * that mix them, as some clients ask.
 *
 * @param path the issuer's path, empty where it has none
 * @see RFC 8414 section 3.1, OpenID Connect Discovery section 4
 */
export function issuerMetadataPaths(
  path: string,
): readonly [oauth: string, openid: string, mixed: string, ...more: string[]] {
  const place = path.endsWith('/') ? path.slice(0, -1) : path
  return [
    `/.well-known/oauth-authorization-server${place}`,
    `${place}/.well-known/openid-configuration`,
    `/.well-known/openid-configuration${place}`,
    `${place}/.well-known/oauth-authorization-server`,
  ]
}
