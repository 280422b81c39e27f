import type { Context } from '../contract/handler.js'
import type { ByteBudget } from '../http/byte-budget.js'
import { clientNetworks } from '../http/client-networks.js'

/** What the requests of one user that are under way may take together. */
export interface UnderWayLimits {
  readonly maxConcurrent: number
  /** In bytes of their bodies. */
  readonly maxConcurrentBytes: number
  /** Messages beyond `maxConcurrent` that are read, since they may end a request; none by default. */
  readonly reserve?: number
}

/** A request that is counted until `end`. Bodies take their bytes from it. */
export interface CountedRequest extends ByteBudget {
  /** Whether bytes were refused to it. */
  readonly isRefused: boolean
  /** Whether it came when its user had `maxConcurrent` already, so that it may only end one of those. */
  readonly isSurplus: boolean
  /** Counts so many more requests, those of a batch; `false` when they are too many. */
  add(requests: number): boolean
  /** Gives everything back; to be called once or more. */
  end(): void
}

interface Owner {
  requests: number
  bytes: number
}

/**
 * Counts the requests that are under way, and the bytes of their bodies, for each user. A user is who stands behind the
 * token: the subject, else the client; without a token the address, IPv6 by its /64 network. What is not under way any
 * more is forgotten.
 */
export class UnderWay {
  readonly #limits: UnderWayLimits
  readonly #owners: Map<string, Owner> = new Map()

  constructor(limits: UnderWayLimits) {
    this.#limits = limits
  }

  /** Users with requests under way. */
  get size(): number {
    return this.#owners.size
  }

  /** Counts a request; `undefined` when its user has as many as there may be, the reserve included. */
  enter(context: Context): CountedRequest | undefined {
    const key = ownerOf(context)
    const owner = this.#owners.get(key) ?? { requests: 0, bytes: 0 }
    const { maxConcurrent, maxConcurrentBytes, reserve = 0 } = this.#limits
    if (owner.requests >= maxConcurrent + reserve) return undefined
    const isSurplus = owner.requests >= maxConcurrent
    this.#owners.set(key, owner)
    owner.requests++
    let requests = 1
    let held = 0
    let isRefused = false
    return {
      isSurplus,
      get isRefused() {
        return isRefused
      },
      take(bytes) {
        // The only request of a user may be as large as a body can be
        isRefused = owner.bytes > held && owner.bytes + bytes > maxConcurrentBytes
        if (isRefused) return false
        owner.bytes += bytes
        held += bytes
        return true
      },
      giveBack(bytes) {
        owner.bytes -= bytes
        held -= bytes
      },
      add(more) {
        if (owner.requests + more > maxConcurrent) return false
        owner.requests += more
        requests += more
        return true
      },
      end: () => {
        owner.requests -= requests
        owner.bytes -= held
        requests = 0
        held = 0
        // Ended twice, it must not take the count of those that came meanwhile
        if (owner.requests === 0 && this.#owners.get(key) === owner) this.#owners.delete(key)
      },
    }
  }
}

function ownerOf({ auth, client }: Context): string {
  if (auth === undefined) return `address ${clientNetworks(client?.address ?? '')[0]?.name}`
  const { issuer, subject } = auth.extra ?? {}
  // The length of the issuer tells where it ends; JSON would take longer than the rest
  const by = typeof issuer === 'string' ? `${issuer.length} ${issuer}` : 'none'
  return typeof subject === 'string' ? `user ${by} ${subject}` : `client ${by} ${auth.clientId}`
}
