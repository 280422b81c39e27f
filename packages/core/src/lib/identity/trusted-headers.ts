import type { IdentitySource } from '../contract/identity-source.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import {
  checkOptions,
  filledText,
  membersOf,
  type OptionTypes,
  optional,
  text,
  textList,
} from '../contract/option-types.js'
import { Refusal } from '../contract/refusal.js'
import { longestClaimHeader } from '../http/claim-header.js'
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

/** The names of the headers in which a proxy tells who calls. */
export interface TrustedHeaderNames {
  /**
   * The user; `-` where a client acts for itself.
   *
   * @default X-User-Id
   */
  readonly userId: string
  /**
   * What the user is called.
   *
   * @default X-User-Name
   */
  readonly userName: string
  /**
   * The user's email address.
   *
   * @default X-User-Email
   */
  readonly userEmail: string
  /**
   * The user's roles, separated by commas.
   *
   * @default X-Roles
   */
  readonly roles: string
  /**
   * What the caller may do, separated by spaces.
   *
   * @default X-Scopes
   */
  readonly scopes: string
  /**
   * The OAuth client.
   *
   * @default X-Client-Id
   */
  readonly clientId: string
}

const defaults: TrustedHeaderNames = {
  userId: 'X-User-Id',
  userName: 'X-User-Name',
  userEmail: 'X-User-Email',
  roles: 'X-Roles',
  scopes: 'X-Scopes',
  clientId: 'X-Client-Id',
}

/** Which proxies are believed, and what they say. */
export interface TrustedHeadersOptions {
  /** Addresses and CIDR ranges of the reverse proxies, as their connections come in here. */
  readonly trustedProxies: readonly string[]
  /** The resource of the server behind, as clients write its URL. A gateway gives each of its servers its own. */
  readonly resource?: string
  /** The names of the headers, where they are not those of forward-auth. The proxy must set, or remove, every one. */
  readonly headers?: Partial<TrustedHeaderNames>
  /**
   * Who the users belong to: the issuer of their tokens, where the same users come with tokens too.
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

const types: OptionTypes<TrustedHeadersOptions> = {
  trustedProxies: textList,
  resource: optional(filledText),
  headers: optional(
    membersOf<TrustedHeaderNames>({
      userId: optional(headerName),
      userName: optional(headerName),
      userEmail: optional(headerName),
      roles: optional(headerName),
      scopes: optional(headerName),
      clientId: optional(headerName),
    }),
  ),
  issuer: optional(text),
  healthPaths: healthPathsType,
}

/**
 * Tells who calls by headers that nobody has signed, from the addresses of trusted proxies alone. Dangerous: whoever sends a
 * request from such an address, be it another program on the proxy's machine, is whom he likes, and so is everybody where
 * the proxy passes one of these headers on from a client. Use `forwardedIdentity` where the proxy can ask forward-auth.
 *
 * Values are percent-encoded, as forward-auth and `proxy` write them. A request without a user, from another address, or with
 * a header that may have been sent twice is refused. The headers are removed before the server sees the request. It
 * works on Node, Bun and Deno, mounted with `toNodeHandler`.
 *
 * @throws {GatewayError} `invalid_configuration` at construction, also where the runtime tells no addresses
 * @example
 * ```ts
 * const auth = dangerouslyTrustedHeaders({ trustedProxies: ['10.0.0.5'] })
 * const notes = createStdioBridge({ command: 'notes-server' })
 * const gateway = createGateway({ url: 'https://mcp.example.com', auth, servers: { '/notes/mcp': notes } })
 * ```
 */
export function dangerouslyTrustedHeaders(
  options: TrustedHeadersOptions & { readonly resource: string },
): IdentityMiddleware
export function dangerouslyTrustedHeaders(options: TrustedHeadersOptions): IdentitySource
export function dangerouslyTrustedHeaders(options: TrustedHeadersOptions): IdentitySource {
  const name = 'dangerouslyTrustedHeaders'
  checkOptions(name, options, types)
  const { trustedProxies, resource, issuer = '', healthPaths = defaultHealthPaths } = options
  const names = readNames(options.headers ?? {})
  const checkPeer = trustedPeers(name, trustedProxies)

  const reader = (resource: string): ReadIdentity => {
    const url = new URL(resource)
    return (request, context): Identified => {
      checkPeer(context)
      const values = readValues(request.headers, names)
      const { userId, clientId = '' } = values
      const subject = userId ?? clientId
      if (subject === '') throw unnamed(`neither ${names.userId} nor ${names.clientId} names anybody`)
      // Else a user who is called like a client would be taken for it
      if (userId !== undefined && userId === clientId)
        throw unnamed(`${names.userId} and ${names.clientId} are the same`)
      const claims = { preferred_username: values.userName, email: values.userEmail }
      const roles = items(values.roles, ',')
      const extra = { issuer, subject, roles, groups: [], claims }
      return { auth: { token: '', clientId, scopes: items(values.scopes, ' '), resource: url, extra } }
    }
  }
  const headers = Object.values(names)
  return identitySource({ name, reader, resourceOption: 'resource', headers }, { resource, healthPaths })
}

function readNames(given: Partial<TrustedHeaderNames>): TrustedHeaderNames {
  const names = Object.entries(defaults).map(([field, name]) => [
    field,
    given[field as keyof TrustedHeaderNames] ?? name,
  ])
  const twice = names.find(([, name], index) => names.findIndex(([, other]) => same(name, other)) !== index)
  if (twice !== undefined) throw invalidConfiguration(`dangerouslyTrustedHeaders: headers names ${twice[1]} twice`)
  return Object.fromEntries(names)
}

function same(one = '', other = ''): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

type Values = { -readonly [Field in keyof TrustedHeaderNames]?: string }

/** What the headers say, still encoded where they are lists; nothing stands for an absent claim. */
function readValues(headers: Headers, names: TrustedHeaderNames): Values {
  const values: Values = {}
  for (const [field, name] of Object.entries(names) as [keyof TrustedHeaderNames, string][]) {
    const value = headers.get(name)
    if (value === null && field === 'userId') throw unnamed(`${name} is missing`)
    if (value === null || value === '' || value === '-') continue
    if (value.length > longestClaimHeader) throw unnamed(`${name} is too long`)
    // Two headers of one name arrive as one, joined in this way: one of them is not the proxy's
    if (value.includes(', ')) throw unnamed(`${name} may have been sent twice`)
    values[field] = field === 'roles' || field === 'scopes' ? value : decode(value, name)
  }
  return values
}

function items(list: string | undefined, separator: string): string[] {
  const words = (list ?? '').split(separator).filter((word) => word !== '')
  return words.map((word) => decode(word, 'a list'))
}

function decode(value: string, name: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw unnamed(`${name} is not percent-encoded as it should be`)
  }
}

function unnamed(reason: string): Refusal {
  const description = 'The reverse proxy in front of this server does not say who calls'
  return new Refusal(401, 'identity_missing', description, {
    reason,
    headers: { 'WWW-Authenticate': 'Forwarded-Identity' },
  })
}
