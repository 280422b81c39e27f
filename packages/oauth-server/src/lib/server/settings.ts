import { checkIssuedResource, checkOptions, invalidConfiguration, isLoopbackIssuer } from '@mcp-gateway/core/internal'
import {
  createRedirectUriRules,
  isRedirectUriPattern,
  type RedirectUriRules,
} from '../client-metadata/redirect-uri-rules.js'
import type { SoftwareStatementIssuer } from '../client-metadata/software-statement.js'
import { authorizationServerTypes } from './option-types.js'
import type { AuthorizationServerOptions, Lifetimes, LoginLimits } from './options.js'
import type { PageOptions } from './page-options.js'
import type { ResourceServer } from './resource-server.js'

/** Options that were checked and completed. */
export interface Settings {
  readonly issuer: string
  /** The path of the issuer, without a slash at its end: '' or '/tenant'. */
  readonly path: string
  readonly loopback: boolean
  readonly scopes: ReadonlyMap<string, string>
  readonly defaultScopes: readonly string[]
  /** Granted to a client that asks for scopes of which none is known. */
  readonly scopesForUnknown: readonly string[]
  /** What a person may leave out. */
  readonly optionalScopes: ReadonlySet<string>
  readonly defaultResource: string | undefined
  readonly lifetimes: Required<Lifetimes>
  readonly registration: RegistrationSettings
  readonly loginLimits: Required<LoginLimits>
  readonly accessTokens: 'jwt' | 'opaque'
  /** Origins whose documents are read, or whether any are. */
  readonly clientDocuments: boolean | ReadonlySet<string>
  readonly pages: PageOptions
  readonly resourceServers: readonly ResourceServer[]
}

/** Registration options that were checked and completed. */
export interface RegistrationSettings {
  readonly enabled: boolean
  readonly redirectUris: RedirectUriRules
  readonly initialAccessTokens: readonly string[] | undefined
  readonly softwareStatements: readonly SoftwareStatementIssuer[]
  readonly perAddress: number
  readonly total: number
}

const day = 86_400

export function readSettings(options: AuthorizationServerOptions): Settings {
  checkOptions('createAuthorizationServer', options, authorizationServerTypes)
  const { issuer, scopes = { mcp: 'Use the servers behind this gateway in your name' } } = options
  const path = issuerPath(issuer)
  for (const scope of Object.keys(scopes)) {
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))
      throw invalidConfiguration(`\`scopes\` holds ${JSON.stringify(scope)}, which is no scope of RFC 6749`)
  }
  const all = Object.keys(scopes).filter((scope) => scope !== 'offline_access')
  const defaultScopes = options.defaultScopes ?? all
  // Of several rights it might mean none; where there is one, it is what every client comes for
  const scopesForUnknown = options.defaultScopes ?? (all.length === 1 ? all : [])
  for (const scope of defaultScopes) {
    if (!(scope in scopes)) throw invalidConfiguration(`\`defaultScopes\` holds ${scope}, which \`scopes\` does not`)
  }
  const { optionalScopes = [] } = options
  for (const scope of optionalScopes) {
    if (!(scope in scopes)) throw invalidConfiguration(`\`optionalScopes\` holds ${scope}, which \`scopes\` does not`)
  }
  for (const resource of options.resources ?? []) {
    checkIssuedResource(typeof resource === 'string' ? resource : resource.url, 'resources')
  }
  if (options.defaultResource !== undefined) {
    checkIssuedResource(options.defaultResource, 'defaultResource')
  }
  // First: with a login for developers on a public issuer, nothing else matters
  options.identityProvider.validate?.(issuer)
  checkStorage(options)
  checkKeys(options)
  if (!/^[a-z0-9-]{1,32}$/.test(options.identityProvider.name)) {
    throw invalidConfiguration('The `name` of an identity provider is lower-case letters, digits and hyphens')
  }
  return {
    issuer,
    path,
    loopback: isLoopbackIssuer(issuer),
    scopes: new Map(Object.entries(scopes)),
    defaultScopes,
    scopesForUnknown,
    optionalScopes: new Set([...optionalScopes, 'offline_access']),
    defaultResource: options.defaultResource,
    lifetimes: readLifetimes(options.lifetimes ?? {}),
    registration: readRegistration(options),
    loginLimits: readLoginLimits(options.loginLimits ?? {}),
    accessTokens: options.accessTokens ?? 'jwt',
    clientDocuments: readClientDocuments(options),
    pages: options.pages ?? {},
    resourceServers: readResourceServers(options.resourceServers ?? []),
  }
}

function readResourceServers(servers: readonly ResourceServer[]): readonly ResourceServer[] {
  for (const { client_id, client_secret, resources } of servers) {
    if (!client_id || client_secret.length < 16) {
      throw invalidConfiguration(
        `resourceServers: ${client_id || 'each'} needs a client_id and a client_secret of at least 16 characters`,
      )
    }
    for (const resource of resources) checkIssuedResource(resource, 'resourceServers')
  }
  return servers
}

function readRegistration({ registration = {} }: AuthorizationServerOptions): RegistrationSettings {
  const {
    redirectHosts = 'any-host',
    privateUseRedirectUris = [],
    initialAccessTokens,
    softwareStatements = [],
    perAddress = 60,
    total = 10_000,
  } = registration === false ? {} : registration
  for (const uri of privateUseRedirectUris) {
    if (
      !/^(?!https?:|javascript:|data:|vbscript:|file:|blob:)[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(uri) ||
      /[#"'<>\\]/.test(uri) ||
      (uri.includes('*') && !isRedirectUriPattern(uri))
    ) {
      throw invalidConfiguration(
        `registration.privateUseRedirectUris holds ${uri}, which is no private-use URI such as com.example.app:/callback, or com.example.app:/* with * for a whole part`,
      )
    }
  }
  if (initialAccessTokens?.some((token) => token.length < 16)) {
    throw invalidConfiguration('registration.initialAccessTokens must each have at least 16 characters')
  }
  return {
    enabled: registration !== false,
    redirectUris: createRedirectUriRules(redirectHosts, privateUseRedirectUris),
    initialAccessTokens,
    softwareStatements,
    perAddress,
    total,
  }
}

/** Who guards registration does not mean to let in everyone who can publish a document. */
function readClientDocuments({
  clientDocuments,
  registration,
}: AuthorizationServerOptions): Settings['clientDocuments'] {
  const isGuarded = typeof registration === 'object' && registration.initialAccessTokens !== undefined
  if (clientDocuments === undefined || typeof clientDocuments === 'boolean') return clientDocuments ?? !isGuarded
  for (const origin of clientDocuments) {
    if (!origin.startsWith('https://') || !URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw invalidConfiguration(
        `clientDocuments holds ${origin}, which is no origin such as https://client.example.com`,
      )
    }
  }
  return clientDocuments.length > 0 && new Set(clientDocuments)
}

function readLoginLimits({ perAddress = 300, total = 10_000, perAccount = 20 }: LoginLimits): Required<LoginLimits> {
  return { perAddress, total, perAccount }
}

function issuerPath(issuer: string): string {
  const parts = /^(https?):\/\/[^/?#@\s]+(\/[^?#\s]*)?$/.exec(issuer)
  if (!parts)
    throw invalidConfiguration(
      `The issuer ${issuer} must be a URL without user, query or fragment (RFC 8414 section 2)`,
    )
  if (parts[1] === 'http' && !isLoopbackIssuer(issuer))
    throw invalidConfiguration(`The issuer ${issuer} must use https; http only on loopback`)
  const path = parts[2] ?? ''
  // Clients compare issuers as strings, and half of the stacks in use drop a slash at the end.
  if (path.endsWith('/')) throw invalidConfiguration(`The issuer ${issuer} must not end with a slash`)
  return path
}

/** With a store that this process alone has, two processes would both redeem one code, or the second would know none. */
function checkStorage({ issuer, storage, dangerouslyAllowSingleProcessStorage }: AuthorizationServerOptions): void {
  if (!storage.singleProcess || dangerouslyAllowSingleProcessStorage || isLoopbackIssuer(issuer)) return
  throw invalidConfiguration(
    'This `storage` works within one process only, and what is in memory ends with it. Use Redis, Postgres or SQLite for a public issuer, or set dangerouslyAllowSingleProcessStorage if no other process ever serves it',
  )
}

/** What `createSigningKeys` would say in terms of its own options. */
function checkKeys({ issuer, encryptionKeys = [], signingKeys }: AuthorizationServerOptions): void {
  if (signingKeys !== undefined || encryptionKeys.length > 0 || isLoopbackIssuer(issuer)) return
  throw invalidConfiguration(
    `The public issuer ${issuer} must not store private keys in plain: set \`encryptionKeys\` to [32 random bytes in base64] (openssl rand -base64 32), or give \`signingKeys\`, made by createSigningKeys of @mcp-gateway/core/keys`,
  )
}

function readLifetimes(lifetimes: Lifetimes): Required<Lifetimes> {
  const all = {
    code: 60,
    accessToken: 3600,
    refreshTokenIdle: 30 * day,
    grant: 0,
    grantWithRights: 7 * day,
    client: 90 * day,
    unusedClient: 7 * day,
    login: 600,
    session: 8 * 3600,
    consent: 90 * day,
    revocationDelay: 10,
    ...lifetimes,
  }
  for (const [name, seconds] of Object.entries(all)) {
    if (!Number.isFinite(seconds) || seconds < 0)
      throw invalidConfiguration(`lifetimes.${name} must be a number of seconds`)
  }
  const { refreshReplay = Number.POSITIVE_INFINITY } = lifetimes
  if (all.code < 1 || all.code > 600)
    throw invalidConfiguration('lifetimes.code must be between 1 and 600 seconds (RFC 6749 section 4.1.2)')
  if (all.login < 1) throw invalidConfiguration('lifetimes.login must be at least 1 second')
  if (all.accessToken < 1) throw invalidConfiguration('lifetimes.accessToken must be at least 1 second')
  // A client that vanished under a live grant is a dead end for the person behind it.
  const grants = all.refreshTokenIdle === 0 ? all.grant : all.refreshTokenIdle
  const client = all.client === 0 || grants === 0 ? 0 : Math.max(all.client, grants)
  return { ...all, client, refreshReplay }
}
