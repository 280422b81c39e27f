import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { isLoopback } from '../http/loopback.js'

/** What is known of an issuer before anything is fetched. */
export interface IssuerScheme {
  readonly issuer?: string
  readonly jwksUri?: string
  readonly dangerouslyAllowHttpIssuer?: boolean
}

/**
 * Refuses an issuer that is asked over plain http by what serves the public: whoever is on the way could give it other
 * keys, and clients another login. What stays on this machine may be plain.
 *
 * @param url the public URL of what the issuer's tokens are for
 * @param where what has the option, for the error
 * @throws {GatewayError} `invalid_configuration` that names the option
 * @see RFC 8414 section 2, RFC 9728 section 7.3
 */
export function checkIssuerScheme(auth: IssuerScheme, url: string, where = 'auth'): void {
  if (auth.dangerouslyAllowHttpIssuer || (URL.canParse(url) && isLoopback(new URL(url)))) return
  for (const option of ['issuer', 'jwksUri'] as const) {
    const value = auth[option]
    if (value === undefined || !isPlainHttp(value)) continue
    throw invalidConfiguration(
      `${where}: the ${option} ${value} must be an https URL, since ${url} is public; set dangerouslyAllowHttpIssuer if nobody on the way can answer in its place`,
    )
  }
}

/** Whether what is asked there crosses a network unencrypted. */
function isPlainHttp(url: string): boolean {
  return /^http:/i.test(url) && URL.canParse(url) && !isLoopback(new URL(url))
}
