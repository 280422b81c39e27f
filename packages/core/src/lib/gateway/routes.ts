import type { Authority } from '../contract/authority.js'
import type { Context } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { Logger } from '../contract/logger.js'
import type { GatewayPath, ServedPath } from '../contract/served-path.js'
import { message } from '../message/message-middleware.js'
import { checkGrantable } from '../resource-server/check-grantable.js'
import { wellKnown } from '../resource-server/resource-url.js'
import { guardAuthority, guardVault, ownHosts } from './account-pages.js'
import type { BaseUrl } from './base-url.js'
import type { GatewayOptions } from './gateway-options.js'
import { gatewayProbes } from './health.js'
import { createHosts, hostKey, type NamedHost } from './hosts.js'
import { type OwnRoute, ownRoutes } from './own-routes.js'
import type { OwnPaths } from './place.js'
import { PlaceTable } from './place-table.js'
import { metadataPath, serverChain } from './server-chain.js'
import { serverMetadata } from './server-metadata.js'
import { callersOf, type NamedServer, serversOf } from './server-options.js'

/** Everything that the gateway serves, and where. */
export interface Routes {
  readonly hostOf: (request: Request) => NamedHost
  /** What answers, by host and path. */
  readonly table: PlaceTable
  /** The endpoints of the authorization server, where this process serves them, and the pages of the vault. */
  readonly pieces: readonly OwnPaths[]
  /** The secret that replicas share, if they do. */
  readonly sharedSecret?: Context['sharedSecret']
  readonly paths: () => readonly GatewayPath[]
  readonly willClose: () => void
  readonly close: () => Promise<void>
}

/** Builds the table of paths, once. */
export function buildRoutes(options: GatewayOptions, base: BaseUrl, logger: Logger): Routes {
  const servers = serversOf(options, base)
  const callers = callersOf(options, servers)
  const { authority } = callers
  const table = new PlaceTable()

  const probes = gatewayProbes(options, base, { callers, servers, logger })
  for (const [path, handle] of probes.places) {
    table.add({ kind: 'health', host: hostKey(base.origin), path }, { handle, isProbe: true }, 'url')
  }
  // One for all servers, so that a user's requests under way are counted together
  const readMessage = message(options.message)
  for (const server of servers) {
    const { path } = server.location
    const place = {
      handle: serverChain(options, server, { callers, readMessage }),
      route: { kind: 'server', path },
    } as const
    table.add({ kind: 'server', host: hostKey(server.location.origin), path }, place, `servers: ${server.key}`)
  }
  if (authority !== undefined) addMetadata(table, servers, { options, authority })

  const routes = ownRoutes(options, base, callers)
  const ownAuthority = guardAuthority(options, base, authority)
  const vault = guardVault(options)
  const pieces = [vault, ...routes, ownAuthority].filter((piece) => piece !== undefined)
  for (const [index, piece] of pieces.entries()) checkFree(table, piece, pieces.slice(0, index))
  if (authority !== undefined) addRouteMetadata(table, routes, { options, authority })

  const sharedSecret = authority?.secret?.bind(authority)
  warnOfOwnSessions(options, { servers, isShared: sharedSecret !== undefined, logger })

  const close = async () => {
    const own = Object.values(options.routes ?? {}).map((given) =>
      typeof given === 'object' && !('fetch' in given) ? given.handle : given,
    )
    const closed = [...servers.map(({ server }) => server), ...own, authority, options.vault]
    await Promise.all(
      closed.map((piece) => (typeof piece === 'object' && 'close' in piece ? piece.close?.() : undefined)),
    )
  }
  const urls = [
    base.origin,
    ...[...servers, ...routes].map(({ location }) => location.origin),
    ...(ownAuthority && authority?.issuer !== undefined ? [authority.issuer] : []),
  ]
  return {
    hostOf: createHosts(urls, options.allowedHosts),
    table,
    pieces,
    sharedSecret,
    paths: () => listPaths(table, pieces),
    willClose: probes.willClose,
    close,
  }
}

/** The resource metadata of the servers that take tokens, on the host of each (RFC 9728 section 3.1). */
function addMetadata(
  table: PlaceTable,
  servers: readonly NamedServer[],
  { options, authority }: { options: GatewayOptions; authority: Authority },
): void {
  const { issuer } = authority
  for (const server of servers) {
    const { key, location } = server
    if (server.dangerouslyAllowAnonymous) continue
    checkGrantable(authority, server, key)
    if (issuer === undefined) continue
    const host = hostKey(location.origin)
    const isAlone = servers.every((other) => other === server || hostKey(other.location.origin) !== host)
    const isRoot = options.rootResource === key || isAlone || location.path === '/'
    const checkHost = ownHosts([location.origin], options.allowedHosts)
    const { resource } = location
    const handle = serverMetadata(server, { resource, issuer, isRoot, checkHost })
    const own = metadataPath(location.path)
    for (const path of isRoot ? new Set([own, wellKnown]) : [own]) {
      const option = options.rootResource === key ? 'rootResource' : `servers: ${key}`
      table.add({ kind: 'metadata', host, path }, { handle, route: { kind: 'metadata', path } }, option)
    }
  }
}

/** The resource metadata of the routes that take tokens. */
function addRouteMetadata(
  table: PlaceTable,
  routes: readonly OwnRoute[],
  { options, authority }: { options: GatewayOptions; authority: Authority },
): void {
  const { issuer } = authority
  for (const { key, location, scopes } of routes) {
    if (scopes === undefined) continue
    const { origin, resource } = location
    checkGrantable(authority, { requiredScopes: scopes }, key)
    if (issuer === undefined) continue
    const checkHost = ownHosts([origin], options.allowedHosts)
    const terms = { requiredScopes: scopes }
    const handle = serverMetadata(terms, { resource, issuer, isRoot: false, checkHost })
    const path = metadataPath(location.path)
    const place = { handle, route: { kind: 'metadata', path } } as const
    table.add({ kind: 'metadata', host: hostKey(origin), path }, place, `routes: ${key}`)
  }
}

/**
 * Refuses what stands where a piece of the gateway has its own paths, as far as the piece tells them.
 *
 * @throws {GatewayError} `invalid_configuration` that names both
 */
function checkFree(table: PlaceTable, piece: OwnPaths, others: readonly OwnPaths[]): void {
  const kind = piece.route?.kind
  const name = kind === 'route' ? 'routes' : kind === 'vault' ? 'vault' : 'authorization server'
  for (const served of piece.paths?.() ?? []) {
    const host = served.host.replace(/:(?:80|443)$/, '')
    const positions = table.positions.filter((one) => kind === 'route' || one.kind !== 'health')
    const elsewhere = others.flatMap((other) =>
      (other.paths?.() ?? []).map((one) => ({ ...one, kind: other.route?.kind })),
    )
    const taken = [...positions, ...elsewhere].find(
      (one) => one.host.replace(/:(?:80|443)$/, '') === host && overlaps(one, served),
    )
    if (taken === undefined) continue
    const what = taken.kind === 'server' ? 'servers' : `${taken.kind}`
    throw invalidConfiguration(
      `${what}: the path ${taken.path} is one that the ${name} of the gateway ${kind === 'route' ? `has in ${served.path}` : 'needs'} at ${served.host}; choose another, or give one of them a prefix of its own, such as https://${served.host}/auth`,
    )
  }
}

function overlaps(one: { path: string; match?: ServedPath['match'] }, other: ServedPath): boolean {
  return (
    one.path === other.path ||
    (other.match === 'prefix' && one.path.startsWith(`${other.path}/`)) ||
    // Behind the path of a piece that takes tokens, older clients look for its issuer; the piece itself may have that path
    (one.match === 'prefix' && other.path.startsWith(`${one.path}/`) && !other.path.includes('/.well-known/'))
  )
}

function listPaths(table: PlaceTable, pieces: readonly OwnPaths[]): readonly GatewayPath[] {
  const own = table.positions.map((position): GatewayPath => ({ ...position, match: 'exact' }))
  const others = pieces.flatMap(({ paths, route }) => {
    const kind = route?.kind === 'vault' || route?.kind === 'route' ? route.kind : 'authority'
    return (paths?.() ?? []).map((path): GatewayPath => ({ ...path, kind }))
  })
  return [...own, ...others]
}

/** Says which sessions a second replica would not know, where the storage is one that replicas share. */
function warnOfOwnSessions(
  { storage }: GatewayOptions,
  { servers, isShared, logger }: { servers: readonly NamedServer[]; isShared: boolean; logger: Logger },
): void {
  if (isShared || storage === undefined || storage.singleProcess) return
  for (const { key, server } of servers) {
    if (!('sharesSessions' in server) || server.sharesSessions !== false) continue
    logger.warn(
      { path: key },
      'the storage can be shared, but no other replica knows the sessions of this proxy; give it a sessionSecret',
    )
  }
}
