import type { Logger } from '../contract/logger.js'
import { pathFault } from '../http/path-fault.js'
import type { NamedHost } from './hosts.js'
import type { Place } from './place.js'
import type { PlaceTable } from './place-table.js'

/** What is known of how the gateway is mounted. */
export interface MissLogOptions {
  /** The path of the gateway's `url`. */
  readonly prefix: string
  readonly logger: Logger
}

/**
 * Says once what looks like a mistake in how the gateway is mounted: below a path that `url` does not have, without one that it
 * has, or behind a proxy that puts a public name of its own into `Host`. Whoever asks for such a path brings the line about, so it is
 * no proof.
 */
export function createMissLog(
  table: PlaceTable,
  { prefix, logger }: MissLogOptions,
): (path: string, host: NamedHost, place: Place | undefined) => void {
  const paths = table.positions.filter(({ kind, path }) => kind === 'server' && path !== '/').map(({ path }) => path)
  let isHostTold = false
  let isPathTold = false
  return (path, host, place) => {
    if (place !== undefined) {
      if (isHostTold || host.kind !== 'foreign') return
      isHostTold = true
      logger.info(
        { service: 'gateway', path, host: host.host },
        'a request for a path of the gateway names a host that it does not have, and is left to the application; if a proxy in front writes that name into Host, add it to allowedHosts',
      )
      return
    }
    if (isPathTold || pathFault(path) !== undefined || path.startsWith('/.well-known/')) return
    const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
    const found = paths.find((one) => plain.endsWith(one))
    if (found !== undefined) {
      isPathTold = true
      const mount = plain.slice(0, -found.length)
      logger.warn(
        { service: 'gateway', path, mount },
        `nothing is at ${plain}, but a server is at ${found}: if the gateway is mounted below ${mount}, its url must end in ${mount}${prefix}, or mount it at the root`,
      )
    } else if (prefix !== '' && paths.includes(prefix + plain)) {
      isPathTold = true
      logger.warn(
        { service: 'gateway', path, prefix },
        `nothing is at ${plain}, but a server is at ${prefix}${plain}: the host that the gateway is mounted in, or a proxy in front, has taken ${prefix} away; the gateway needs the whole path`,
      )
    }
  }
}
