import type { Context, Handler } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { Logger } from '../contract/logger.js'
import type { RequestRoute } from '../contract/request-record.js'
import { message } from '../message/message-middleware.js'
import { checkGrantable } from '../resource-server/check-grantable.js'
import { wellKnown } from '../resource-server/resource-url.js'
import { guardAuthority, guardVault, ownHosts } from './account-pages.js'
import { type BaseUrl, checkPath } from './base-url.js'
import type { GatewayOptions } from './gateway-options.js'
import { gatewayProbes } from './health.js'
import type { OwnPaths, Place } from './place.js'
import { resourceOf, serverChain } from './server-chain.js'
import { serverMetadata } from './server-metadata.js'
import { callersOf, type NamedServer, serversOf } from './server-options.js'

/** Everything that the gateway serves, and where. */
export interface Routes {
  /** What answers, by path. */
  readonly table: ReadonlyMap<string, Place>
  /** The paths among them that orchestrators ask, every few seconds and until the end. */
  readonly probes: ReadonlySet<string>
  /** The endpoints of the authorization server, where this process serves them. */
  readonly authority?: OwnPaths
  readonly vault?: OwnPaths
  /** The secret that replicas share, if they do. */
  readonly sharedSecret?: Context['sharedSecret']
  readonly willClose: () => void
  readonly close: () => Promise<void>
}

/** Builds the table of paths, once. */
export function buildRoutes(options: GatewayOptions, base: BaseUrl, logger: Logger): Routes {
  const callers = callersOf(options, base)
  const { authority } = callers
  const servers = serversOf(options)
  const table = new Map<string, Place>()
  const add = (path: string, handle: Handler, kind?: RequestRoute['kind']) => {
    if (table.has(path)) throw invalidConfiguration(`servers: the path ${path} is taken`)
    table.set(path, { handle, route: kind && { kind, path } })
  }

  const probes = gatewayProbes(options, base, { callers, servers, logger })
  for (const [path, probe] of probes.places) add(path, probe)
  const probePaths = new Set(table.keys())
  const vault = guardVault(options)
  const checkHost = ownHosts([base.origin], options.allowedHosts)
  // One for all servers, so that a user's requests under way are counted together
  const readMessage = message(options.message)
  for (const server of servers) {
    checkPath(server.path, 'servers')
    const path = base.prefix + server.path
    const resource = resourceOf(base, server)
    if (authority !== undefined) checkGrantable(authority, server, server.path)
    add(path, serverChain(options, base, server, { callers, readMessage }), 'server')
    if (authority === undefined) continue
    const isRoot = options.rootResource === server.path || servers.length === 1
    const metadata = serverMetadata(server, { resource, issuer: authority.issuer, isRoot, checkHost })
    add(wellKnown + path, metadata, 'metadata')
    if (isRoot) add(wellKnown, metadata, 'metadata')
  }

  const sharedSecret = authority?.secret?.bind(authority)
  warnOfOwnSessions(options, { servers, isShared: sharedSecret !== undefined, logger })

  const close = async () => {
    const pieces = [...servers.map(({ server }) => server), authority, options.vault]
    await Promise.all(
      pieces.map((piece) => (typeof piece === 'object' && 'close' in piece ? piece.close?.() : undefined)),
    )
  }
  const { willClose } = probes
  return {
    table,
    probes: probePaths,
    authority: guardAuthority(options, base, authority),
    vault,
    sharedSecret,
    willClose,
    close,
  }
}

/** Says which sessions a second replica would not know, where the storage is one that replicas share. */
function warnOfOwnSessions(
  { storage }: GatewayOptions,
  { servers, isShared, logger }: { servers: readonly NamedServer[]; isShared: boolean; logger: Logger },
): void {
  if (isShared || storage === undefined || storage.singleProcess) return
  for (const { path, server } of servers) {
    if (!('sharesSessions' in server) || server.sharesSessions !== false) continue
    logger.warn(
      { path },
      'the storage can be shared, but no other replica knows the sessions of this proxy; give it a sessionSecret',
    )
  }
}
