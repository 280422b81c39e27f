import { invalidConfiguration } from '../contract/invalid-configuration.js'
import {
  callable,
  checkOptions,
  filledText,
  membersOf,
  type OptionTypes,
  optional,
  positive,
  recordOf,
  text,
  textList,
} from '../contract/option-types.js'
import { storageType, verifierType } from '../contract/shared-option-types.js'
import { mountable } from '../http/mountable.js'
import { isLoopbackIssuer } from '../keys/loopback-issuer.js'
import { createOAuthClient, oauthClientTypes } from '../oauth-client/create-oauth-client.js'
import { pageLookTypes } from '../pages/page-look.js'
import { checkStorage } from '../storage/check-storage.js'
import { principal } from '../tokens/principal.js'
import { Browsers } from './browser.js'
import { Grants } from './grants.js'
import { createSignIn } from './sign-in.js'
import type { Vault, VaultOptions, VaultSignIn, VaultUpstream } from './vault-options.js'
import { vaultPages } from './vault-pages.js'
import { type VaultAccess, vaultToken } from './vault-token.js'

/**
 * Keeps a grant per user and upstream, so that a proxy calls its upstream with the account that the caller has there.
 * Users connect their accounts on the vault's own pages: they sign in at the gateway's issuer first, and what they
 * connect is kept for who signed in, whoever gave them the address; so nobody can plant an account in another's vault,
 * nor have another's account planted in theirs. A caller without a grant gets a JSON-RPC answer that leads there.
 *
 * What is stored is encrypted. Tokens are refreshed in time, by one caller among all replicas; a grant that the upstream
 * has taken back is dropped. The caller's own token goes to nobody, and the upstream's never to a client.
 *
 * @returns a `Mountable` for the pages; give it to `createGateway` as `vault`, or mount it beside
 * @throws {GatewayError} `invalid_configuration` at construction; a public `url` needs `encryptionKeys`
 * @see RFC 6749 section 4.1, RFC 7636, RFC 9700 section 4.14
 * @example
 * ```ts
 * const vault = createVault({
 *   url: 'https://mcp.example.com/connect',
 *   storage,
 *   encryptionKeys: [key],
 *   signIn: { issuer: 'https://login.example.com', clientId: 'vault', clientSecret },
 *   upstreams: { wiki: { issuer: 'https://wiki.example.com', clientId: 'gateway', clientSecret, scope: 'read' } },
 * })
 * const wiki = proxy('https://wiki.example.com/mcp', { token: vault.token('wiki') })
 * ```
 */
export function createVault(options: VaultOptions): Vault {
  checkOptions('createVault', options, types)
  const { url, upstreams, now = Date.now } = options
  check(options)
  const grants = new Grants(options)
  const accesses = new Map<string, VaultAccess>()
  for (const [upstream, settings] of Object.entries(upstreams)) {
    const connect = { url: `${url}/${upstream}`, title: settings.title ?? upstream }
    accesses.set(upstream, { upstream, client: createOAuthClient(settings), grants, now, connect })
  }
  const accessTo = (upstream: string): VaultAccess => {
    const access = accesses.get(upstream)
    if (access !== undefined) return access
    throw invalidConfiguration(`The vault has no upstream ${JSON.stringify(upstream)}`)
  }
  const { handle, match } = vaultPages({ options, accesses, grants, browsers: new Browsers(options), now })

  return mountable({
    handle,
    match,
    paths: () => [{ host: new URL(url).host, path: new URL(url).pathname, match: 'prefix' }],
    check: () => checkStorage(options.storage),
    token: (upstream: string) => vaultToken(accessTo(upstream)),
    async connections(auth) {
      return (await grants.list(principal(auth))).map(({ upstream, scope, connectedAt }) => ({
        upstream,
        ...(scope === undefined ? {} : { scope }),
        connectedAt: Math.floor(connectedAt / 1000),
      }))
    },
    async disconnect(auth, upstream) {
      return grants.delete(await grants.key(principal(auth), accessTo(upstream).upstream))
    },
  } satisfies Omit<Vault, 'fetch'>)
}

const { scope: _scope, ...atIssuer } = oauthClientTypes

const types: OptionTypes<VaultOptions> = {
  url: text,
  storage: storageType,
  encryptionKeys: optional(textList),
  signIn: membersOf<VaultSignIn>({
    ...atIssuer,
    scope: optional(text),
    verifier: optional(verifierType),
    subjectClaim: optional(filledText),
  }),
  upstreams: recordOf(
    membersOf<VaultUpstream>({
      ...oauthClientTypes,
      title: optional(filledText),
      parameters: optional(recordOf(text)),
    }),
  ),
  pages: optional(membersOf(pageLookTypes)),
  allowedHosts: optional(textList),
  lifetime: optional(positive),
  now: optional(callable),
}

function check({ url, storage, encryptionKeys = [], upstreams, signIn }: VaultOptions): void {
  const isLocal = isLoopbackIssuer(url)
  if (!URL.canParse(url) || !/^https?:\/\/[^/?#@]+(?:\/[\w.~-]+)+$/.test(url) || new URL(url).href !== url) {
    throw invalidConfiguration(
      `The vault's url ${url} must look like https://mcp.example.com/connect, without a slash at its end`,
    )
  }
  if (!isLocal && !url.startsWith('https://'))
    throw invalidConfiguration(`The vault's url ${url} must be https; http on loopback only`)
  if (!isLocal && encryptionKeys.length === 0) {
    throw invalidConfiguration(
      'A public vault must not store grants in plain: set `encryptionKeys` (openssl rand -base64 32)',
    )
  }
  if (!isLocal && storage.singleProcess) {
    throw invalidConfiguration(
      'A public vault needs a storage that every replica shares; this one works in one process only. Use Redis, Postgres or SQLite',
    )
  }
  if (Object.keys(upstreams).length === 0) throw invalidConfiguration('upstreams is empty; name at least one')
  for (const name of Object.keys(upstreams)) {
    if (!/^[a-z\d][a-z\d-]{0,63}$/.test(name) || name === 'sign-in') {
      throw invalidConfiguration(
        `upstreams: the name ${JSON.stringify(name)} must be lower-case letters, digits and -, and not sign-in`,
      )
    }
  }
  createSignIn(signIn)
}
