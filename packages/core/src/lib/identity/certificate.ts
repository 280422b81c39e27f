import { Refusal } from '../contract/refusal.js'

/** A client certificate, as the proxy that has verified it tells. What the proxy does not tell is absent. */
export interface ClientCertificate {
  /** The distinguished name of its subject, as the proxy writes it (RFC 4514, or OpenSSL's order). */
  readonly subject?: string
  /** The distinguished name of its issuer, likewise. */
  readonly issuer?: string
  /** The URIs among its alternative names, such as `spiffe://example.com/ns/default/sa/notes`. */
  readonly uris: readonly string[]
  /** The DNS names among its alternative names. */
  readonly dnsNames: readonly string[]
  /** SHA-256 of the certificate, in lower-case hexadecimal digits. */
  readonly fingerprint?: string
}

type Crypto = typeof import('node:crypto')

const begin = '-----BEGIN CERTIFICATE-----'

/** The longest header with a certificate that is read; Node takes no more for all headers together. */
export const longestCertificate = 16_384

/**
 * Reads a certificate in PEM, as proxies write it into a header: with or without its delimiters and line ends, and maybe
 * percent-encoded. Of several the first is read, which is the client's.
 *
 * @throws {Refusal} for what is none
 */
export function readPem(value: string): ClientCertificate {
  const text = percentDecoded(value)
  const start = text.indexOf(begin)
  const inner = start === -1 ? text : text.slice(start + begin.length, Math.max(0, text.indexOf('-----END', start)))
  const [base64 = ''] = inner.split(',', 1)
  const bytes = base64.replaceAll(/\s/g, '')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(bytes)) throw unreadable('is no PEM')
  try {
    const { X509Certificate } = process.getBuiltinModule('node:crypto') as Crypto
    const read = new X509Certificate(Buffer.from(bytes, 'base64'))
    const names = alternativeNames(read.subjectAltName ?? '')
    return {
      subject: oneLine(read.subject),
      issuer: oneLine(read.issuer),
      uris: names.filter(([kind]) => kind === 'URI').map(([, name]) => name),
      dnsNames: names.filter(([kind]) => kind === 'DNS').map(([, name]) => name),
      fingerprint: read.fingerprint256.replaceAll(':', '').toLowerCase(),
    }
  } catch (error) {
    throw unreadable(`is no certificate: ${error}`)
  }
}

/** Percent-decodes what is percent-encoded; a plus is base64's own. */
function percentDecoded(value: string): string {
  try {
    return value.includes('%') ? decodeURIComponent(value) : value
  } catch {
    throw unreadable('is badly percent-encoded')
  }
}

/** One attribute a line, each escaped as in RFC 4514, so that joined by commas it is still one reading. */
function oneLine(name: string | undefined): string | undefined {
  return name === undefined || name === '' ? undefined : name.split('\n').reverse().join(',')
}

/** Node writes them separated by `, `, and those with unusual characters as JSON strings. */
function alternativeNames(text: string): (readonly [kind: string, name: string])[] {
  const names: (readonly [string, string])[] = []
  for (const [, kind = '', name = ''] of text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g)) {
    names.push([kind, name.startsWith('"') ? JSON.parse(name) : name])
  }
  return names
}

/** The refusal of what a proxy says about a certificate. */
export function unreadable(why: string): Refusal {
  return noCertificate(`what the proxy tells of the client certificate ${why}`)
}

/** The refusal of a request whose client has shown no certificate, as far as the proxy tells. */
export function noCertificate(reason: string): Refusal {
  const description = 'The reverse proxy in front of this server has not verified a client certificate'
  return new Refusal(401, 'identity_missing', description, { reason, headers: { 'WWW-Authenticate': 'Mutual' } })
}
