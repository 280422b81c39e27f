import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { flag, membersOf, type OptionType, optional } from '../contract/option-types.js'
import { type TlsFiles, type TlsOptions, tlsFilesTypes, tlsOptionsFrom } from '../outbound/tls-options.js'
import { isNode } from '../runtime/is-node.js'

/** How a proxy speaks TLS with its upstreams. Certificates and keys are PEM. */
export interface ProxyTls extends TlsFiles {
  /**
   * Whether HTTP/2 is spoken, for upstreams that speak nothing else.
   *
   * @default false
   */
  readonly http2?: boolean
}

export const proxyTlsType: OptionType = membersOf<ProxyTls>({ ...tlsFilesTypes, http2: optional(flag) })

/**
 * Reads the option. The certificates and keys are looked at, without any connection.
 *
 * @throws {GatewayError} `invalid_configuration` with the name of what is wrong
 */
export function tlsOptionsOf(tls: ProxyTls, urls: readonly string[], hasFetch: boolean): TlsOptions {
  if (hasFetch) throw invalidConfiguration('proxy: tls has no effect beside fetch; configure TLS in your fetch')
  if (!isNode())
    throw invalidConfiguration('proxy: tls works on Node alone; elsewhere give the proxy a fetch of the platform')
  if (!urls.some((url) => /^\s*https:/i.test(url)))
    throw invalidConfiguration('proxy: tls needs an upstream with an https URL')
  return tlsOptionsFrom('proxy', tls)
}
