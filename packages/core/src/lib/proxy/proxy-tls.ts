import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { anyOf, filledText, flag, listOf, membersOf, type OptionType, optional } from '../contract/option-types.js'
import { isNode } from '../runtime/is-node.js'

/** How a proxy speaks TLS with its upstreams. Certificates and keys are PEM. */
export interface ProxyTls {
  /** The certification authorities that are trusted, in place of those that Node trusts. */
  readonly ca?: string | readonly string[]
  /** The certificate, with its chain, by which the upstream knows the gateway; needs `key`. */
  readonly cert?: string
  /** The private key of `cert`. */
  readonly key?: string
  /** What the private key is encrypted with. */
  readonly passphrase?: string
  /**
   * Whether HTTP/2 is spoken, for upstreams that speak nothing else.
   *
   * @default false
   */
  readonly http2?: boolean
}

/** What Node's clients take of it. */
export interface TlsOptions {
  readonly ca?: string[]
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
}

export const proxyTlsType: OptionType = membersOf<ProxyTls>({
  ca: optional(anyOf('a certificate in PEM, or a list of them', filledText, listOf(filledText))),
  cert: optional(filledText),
  key: optional(filledText),
  passphrase: optional(filledText),
  http2: optional(flag),
})

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
  const { cert, key, passphrase } = tls
  if ((cert === undefined) !== (key === undefined))
    throw invalidConfiguration('proxy: tls.cert and tls.key belong together')
  const ca = tls.ca === undefined ? undefined : [tls.ca].flat()
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  for (const bundle of ca ?? []) {
    const all = bundle.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? ['none']
    for (const one of all) check('tls.ca', () => new X509Certificate(one))
  }
  const read = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  }
  check('tls.cert, tls.key or tls.passphrase', () => createSecureContext(read))
  return read
}

function check(name: string, make: () => unknown): void {
  try {
    make()
  } catch (cause) {
    throw invalidConfiguration(`proxy: ${name} cannot be read as PEM, or does not fit the others`, { cause })
  }
}
