import { type ClientCertificate, unreadable } from './certificate.js'

/**
 * Reads `X-Forwarded-Client-Cert`: elements separated by commas, each of them pairs separated by semicolons, values with
 * either in quotes. Escapes in quotes stay: Envoy writes a subject as RFC 4514 does, in which `CN=a\,O=b` is one attribute
 * and `CN=a,O=b` are two. Where proxies have appended to one another, the last element is read: what the trusted proxy itself has
 * verified. The ones before it are what others told that proxy.
 *
 * @throws {Refusal} for what is not of this form
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
 */
export function readXfcc(header: string): ClientCertificate {
  const values = new Map<string, string[]>()
  for (const pair of lastElement(header)) {
    const at = pair.indexOf('=')
    if (at <= 0) throw unreadable('has a pair without a name')
    const key = pair.slice(0, at).trim().toLowerCase()
    const value = unquote(pair.slice(at + 1).trim())
    const known = values.get(key)
    if (known === undefined) values.set(key, [value])
    else known.push(value)
  }
  const one = (key: string): string | undefined => {
    const all = values.get(key) ?? []
    if (all.length > 1) throw unreadable(`has ${key} twice`)
    return all[0] === '' ? undefined : all[0]
  }
  const filled = (key: string) => (values.get(key) ?? []).filter((value) => value !== '')
  return {
    subject: one('subject'),
    uris: filled('uri'),
    dnsNames: filled('dns'),
    fingerprint: one('hash')?.toLowerCase(),
  }
}

/** The pairs of the last element. */
function lastElement(header: string): string[] {
  let pairs: string[] = []
  let start = 0
  let isQuoted = false
  for (let index = 0; index <= header.length; index++) {
    const char = header[index]
    if (isQuoted && char === undefined) throw unreadable('has a quote that is not closed')
    if (isQuoted && char === '\\') index++
    else if (char === '"') isQuoted = !isQuoted
    else if (!isQuoted && (char === ';' || char === ',' || char === undefined)) {
      pairs.push(header.slice(start, index))
      start = index + 1
      if (char === ',') pairs = []
    }
  }
  return pairs
}

function unquote(value: string): string {
  if (!value.includes('"')) return value
  const [, inner] = /^"((?:[^"\\]|\\.)*)"$/.exec(value) ?? []
  if (inner === undefined) throw unreadable('has a value that is quoted in part')
  return inner
}
