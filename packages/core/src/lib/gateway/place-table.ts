import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { recordRefusal } from '../contract/request-record.js'
import type { GatewayPath } from '../contract/served-path.js'
import { oauthError } from '../http/oauth-error.js'
import type { NamedHost } from './hosts.js'
import type { Place } from './place.js'

/** Where something is: one path, at one of the gateway's hosts. */
export type Position = Omit<GatewayPath, 'match'>

/** The places of a gateway by host and path, put together once. */
export class PlaceTable {
  readonly #hosts = new Map<string, Map<string, Place>>()
  /** By path alone, for requests that do not tell the host. */
  readonly #paths = new Map<string, Place>()
  readonly #positions: Position[] = []

  /**
   * @param option what wants to be there, for the error
   * @throws {GatewayError} `invalid_configuration` where something is there already
   */
  add(position: Position, place: Place, option: string): void {
    const { host, path } = position
    const places = this.#hosts.get(host) ?? new Map<string, Place>()
    const taken = this.#positions.find((one) => one.host === host && one.path === path)
    if (taken !== undefined) {
      throw invalidConfiguration(`${option}: the path ${path} is taken, by the ${names[taken.kind]} of the gateway`)
    }
    this.#hosts.set(host, places.set(path, place))
    this.#paths.set(path, this.#paths.has(path) ? misdirected : place)
    this.#positions.push(position)
  }

  /** What is at a path, which has no slash at its end. Where the host tells nothing, a path of one host alone is found. */
  find(host: NamedHost, path: string): Place | undefined {
    return host.kind === 'own' ? this.#hosts.get(host.host)?.get(path) : this.#paths.get(path)
  }

  get positions(): readonly Position[] {
    return this.#positions
  }
}

const names: Record<Position['kind'], string> = {
  server: 'servers',
  metadata: 'resource metadata',
  health: 'health checks',
  authority: 'authorization server',
  vault: 'vault',
  route: 'routes',
}

// RFC 9110 section 15.5.20
const misdirected: Place = {
  handle: (_request, { record }) => {
    recordRefusal(record, { by: 'gateway', code: 'misdirected_request', reason: `Host ${record?.host}` })
    return oauthError(
      421,
      'misdirected_request',
      'Several hosts have this path; the request must name the one that is meant, also behind a proxy',
    )
  },
}
