import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { anyOf, filledText, listOf, type OptionType, type OptionTypes, optional } from '../contract/option-types.js'

/** Certificates and keys for connections to another server, in PEM. */
export interface TlsFiles {
  /** The certification authorities that are trusted, in place of those that Node trusts. */
  readonly ca?: string | readonly string[]
  /** The certificate, with its chain, by which the other server knows this one; needs `key`. */
  readonly cert?: string
  /** The private key of `cert`. */
  readonly key?: string
  /** What the private key is encrypted with. */
  readonly passphrase?: string
}

/** What Node's clients take of it. */
export interface TlsOptions {
  readonly ca?: string[]
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
}

const certificates: OptionType = /* @__PURE__ */ anyOf(
  'a certificate in PEM, or a list of them',
  filledText,
  listOf(filledText),
)

export const tlsFilesTypes: OptionTypes<TlsFiles> = {
  ca: optional(certificates),
  cert: optional(filledText),
  key: optional(filledText),
  passphrase: optional(filledText),
}

/**
 * Reads certificates and keys, without any connection. It works on Node alone.
 *
 * @param where the function that has the option `tls`
 * @throws {GatewayError} `invalid_configuration` with the name of what is wrong
 */
export function tlsOptionsFrom(where: string, tls: TlsFiles): TlsOptions {
  const { cert, key, passphrase } = tls
  if ((cert === undefined) !== (key === undefined))
    throw invalidConfiguration(`${where}: tls.cert and tls.key belong together`)
  const ca = tls.ca === undefined ? undefined : [tls.ca].flat()
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  for (const bundle of ca ?? []) {
    const all = bundle.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? ['none']
    for (const one of all) check(where, 'tls.ca', () => new X509Certificate(one))
  }
  const read = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  }
  check(where, 'tls.cert, tls.key or tls.passphrase', () => createSecureContext(read))
  return read
}

function check(where: string, name: string, make: () => unknown): void {
  try {
    make()
  } catch (cause) {
    throw invalidConfiguration(`${where}: ${name} cannot be read as PEM, or does not fit the others`, { cause })
  }
}
