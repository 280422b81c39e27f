import type { IdentitySource } from '../contract/identity-source.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import {
  callable,
  checkOptions,
  filledText,
  membersOf,
  type OptionTypes,
  oneOf,
  optional,
  text,
  textList,
} from '../contract/option-types.js'
import { Refusal } from '../contract/refusal.js'
import { type ClientCertificate, longestCertificate, noCertificate, readPem, unreadable } from './certificate.js'
import {
  defaultHealthPaths,
  headerName,
  healthPathsType,
  type Identified,
  type IdentityMiddleware,
  identitySource,
  type ReadIdentity,
} from './identity-middleware.js'
import { trustedPeers } from './trusted-peers.js'
import { readXfcc } from './xfcc.js'

/** The headers in which nginx tells of a client certificate: it has no names of its own, so its configuration sets them. */
export interface NginxCertificateHeaders {
  /**
   * `$ssl_client_verify`. Anything but `SUCCESS` is refused.
   *
   * @default X-SSL-Client-Verify
   */
  readonly verify: string
  /**
   * `$ssl_client_s_dn`.
   *
   * @default X-SSL-Client-S-DN
   */
  readonly subject: string
  /**
   * `$ssl_client_escaped_cert`, the whole certificate: then everything is read from it, and nothing from `subject`. Name it
   * only where nginx sets it, since a client could send one. None by default.
   */
  readonly certificate: string
}

/** Who a certificate stands for. */
export interface CertificateIdentity {
  /** The user; leave it out where the certificate is that of a program which acts for itself. */
  readonly user?: string
  /** The program. */
  readonly clientId: string
  readonly scopes?: readonly string[]
  readonly roles?: readonly string[]
  readonly groups?: readonly string[]
}

/** Which proxies are believed, and how they tell of client certificates. */
export interface ClientCertificateOptions {
  /** Addresses and CIDR ranges of the reverse proxies, as their connections come in here. */
  readonly trustedProxies: readonly string[]
  /**
   * How the proxy tells. `xfcc`: `X-Forwarded-Client-Cert` of Envoy, Istio and Linkerd's gateways. `nginx`: headers that its
   * configuration sets from `$ssl_client_…`. `traefik`: `X-Forwarded-Tls-Client-Cert` of the middleware passTLSClientCert
   * with `pem`. `traefik-info`: its `X-Forwarded-Tls-Client-Cert-Info` with parts of `info.subject` and nothing else, since
   * Traefik does not tell the end of one part from what a certificate has written into it.
   */
  readonly from: 'xfcc' | 'nginx' | 'traefik' | 'traefik-info'
  /** The names of nginx's headers. */
  readonly headers?: Partial<NginxCertificateHeaders>
  /** The resource of the server behind, as clients write its URL. A gateway gives each of its servers its own. */
  readonly resource?: string
  /**
   * Who a certificate stands for; `undefined` refuses it with 403. By default it is that of a program which acts for itself,
   * without scopes, and is called by its one URI (as SPIFFE has it), or else by its whole subject.
   */
  readonly identity?: (certificate: ClientCertificate) => CertificateIdentity | undefined
  /**
   * Who the identities belong to: tells apart what two authorities have certified.
   *
   * @default an empty string
   */
  readonly issuer?: string
  /**
   * Paths that GET and HEAD reach as nobody, from any address. Give `[]` where what is behind does not look at paths.
   *
   * @default ['/health', '/ready']
   */
  readonly healthPaths?: readonly string[]
}

const types: OptionTypes<ClientCertificateOptions> = {
  trustedProxies: textList,
  from: oneOf('xfcc', 'nginx', 'traefik', 'traefik-info'),
  headers: optional(
    membersOf<NginxCertificateHeaders>({
      verify: optional(headerName),
      subject: optional(headerName),
      certificate: optional(headerName),
    }),
  ),
  resource: optional(filledText),
  identity: optional(callable),
  issuer: optional(text),
  healthPaths: healthPathsType,
}

/**
 * Tells who calls by the client certificate that a reverse proxy or a mesh has verified (mutual TLS), from the addresses of
 * trusted proxies alone: whoever sends a request from such an address can name any certificate. The proxy must demand a
 * certificate, verify it against an authority of yours, and set or remove the headers named here on every request; nothing
 * of that can be checked from here. A request without a certificate, or from another address, is refused. The headers are
 * removed before the server sees the request. It works on Node, Bun and Deno, mounted with `toNodeHandler`.
 *
 * @throws {GatewayError} `invalid_configuration` at construction, also where the runtime tells no addresses
 * @example
 * ```ts
 * const auth = clientCertificate({
 *   trustedProxies: ['127.0.0.1'],
 *   from: 'xfcc',
 *   identity: ({ uris: [id = ''] }) => (id.startsWith('spiffe://example.com/agents/') ? { clientId: id } : undefined),
 * })
 * ```
 */
export function clientCertificate(options: ClientCertificateOptions & { readonly resource: string }): IdentityMiddleware
export function clientCertificate(options: ClientCertificateOptions): IdentitySource
export function clientCertificate(options: ClientCertificateOptions): IdentitySource {
  const name = 'clientCertificate'
  checkOptions(name, options, types)
  const { trustedProxies, from, resource, identity = ownName, issuer = '', healthPaths = defaultHealthPaths } = options
  if (options.headers !== undefined && from !== 'nginx') {
    throw invalidConfiguration(`${name}: headers is for nginx alone; ${from} has names of its own`)
  }
  const { read, headers } = readers[from](options.headers ?? {})
  const checkPeer = trustedPeers(name, trustedProxies)

  const reader = (resource: string): ReadIdentity => {
    const url = new URL(resource)
    return (request, context): Identified => {
      checkPeer(context)
      const certificate = read(request.headers)
      const known = identity(certificate)
      if (known === undefined) throw unknown(certificate)
      const { user, clientId, scopes = [], roles = [], groups = [] } = known
      const subject = user ?? clientId
      if (typeof subject !== 'string' || subject === '' || user === clientId) {
        throw new Refusal(500, 'misconfigured', 'The server cannot tell who is asking', {
          reason: 'clientCertificate: identity must name a clientId, or a user that differs from it',
        })
      }
      const extra = { issuer, subject, roles, groups, claims: { certificate } }
      return { auth: { token: '', clientId, scopes: [...scopes], resource: url, extra } }
    }
  }
  return identitySource({ name, reader, resourceOption: 'resource', headers }, { resource, healthPaths })
}

/** How one kind of proxy tells of a certificate. */
interface CertificateReader {
  readonly read: (headers: Headers) => ClientCertificate
  /** The headers that nobody behind may see. */
  readonly headers: readonly string[]
}

const xfcc = 'X-Forwarded-Client-Cert'
const traefik = ['X-Forwarded-Tls-Client-Cert', 'X-Forwarded-Tls-Client-Cert-Info'] as const

const readers: Record<
  ClientCertificateOptions['from'],
  (names: Partial<NginxCertificateHeaders>) => CertificateReader
> = {
  xfcc: () => ({ read: (headers) => readXfcc(header(headers, xfcc)), headers: [xfcc] }),
  nginx: (names) => fromNginx(names),
  traefik: () => ({ read: (headers) => readPem(header(headers, traefik[0])), headers: traefik }),
  'traefik-info': () => ({ read: (headers) => readInfo(header(headers, traefik[1])), headers: traefik }),
}

function fromNginx(names: Partial<NginxCertificateHeaders>): CertificateReader {
  const { verify = 'X-SSL-Client-Verify', subject = 'X-SSL-Client-S-DN', certificate } = names
  return {
    read: (headers) => {
      const verified = header(headers, verify)
      if (verified !== 'SUCCESS') throw noCertificate(`${verify} is ${JSON.stringify(verified.slice(0, 100))}`)
      if (certificate !== undefined) return readPem(header(headers, certificate))
      return { subject: header(headers, subject), uris: [], dnsNames: [] }
    },
    headers: [verify, subject, certificate ?? 'X-SSL-Client-Cert'],
  }
}

/** Go's `url.QueryEscape` of `Subject="CN=notes"`, where nothing but the subject is told, and of one certificate. */
function readInfo(value: string): ClientCertificate {
  let text: string
  try {
    text = decodeURIComponent(value.replaceAll('+', ' '))
  } catch {
    throw unreadable('is badly percent-encoded')
  }
  const [, subject] = /^Subject="([^"]+)"$/.exec(text) ?? []
  if (subject === undefined) throw unreadable('is more, or less, than one subject; use pem of passTLSClientCert')
  return { subject, uris: [], dnsNames: [] }
}

function header(headers: Headers, name: string): string {
  const value = headers.get(name)
  if (value === null || value === '') throw noCertificate(`${name} is missing`)
  if (value.length > longestCertificate) throw unreadable('is too long')
  return value
}

function ownName({ uris, subject }: ClientCertificate): CertificateIdentity | undefined {
  // SPIFFE X.509-SVID section 2: a certificate has one URI; with several it is not clear who it is
  const clientId = uris.length > 1 ? undefined : (uris[0] ?? subject)
  return clientId === undefined ? undefined : { clientId }
}

function unknown({ subject, uris }: ClientCertificate): Refusal {
  const reason = `the certificate stands for nobody here: ${JSON.stringify({ subject, uris: uris.slice(0, 5) })}`
  return new Refusal(403, 'identity_unknown', 'The client certificate is not one of those that may call this server', {
    reason,
  })
}
