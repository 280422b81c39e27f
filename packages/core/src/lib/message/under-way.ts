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

/** Who has requests under way. */
interface Owner {
  /** A subject, a client or a network; who has the same name by another issuer, or of another kind, comes `next`. */
  readonly name: string
  readonly kind: 'subject' | 'client' | 'network'
  readonly issuer: string | undefined
  requests: number
  bytes: number
  next: Owner | undefined
}

/**
 * Counts the requests that are under way, and the bytes of their bodies, for each user. A user is who stands behind the
 * token: the subject, else the client; without a token the address, IPv6 by its /64 network. What is not under way any
 * more is forgotten.
 */
export class UnderWay {
  readonly limits: UnderWayLimits
  readonly #owners: Map<string, Owner> = new Map()
  #size = 0

  constructor(limits: UnderWayLimits) {
    this.limits = limits
  }

  /** Users with requests under way. */
  get size(): number {
    return this.#size
  }

  /** Counts a request; `undefined` when its user has as many as there may be, the reserve included. */
  enter({ auth, client }: Context): CountedRequest | undefined {
    if (auth === undefined) return this.#enter(clientNetworks(client?.address ?? '')[0]?.name ?? '', 'network')
    const { issuer: by, subject } = auth.extra ?? {}
    const issuer = typeof by === 'string' ? by : undefined
    return typeof subject === 'string'
      ? this.#enter(subject, 'subject', issuer)
      : this.#enter(auth.clientId, 'client', issuer)
  }

  // Names that are joined to one would have to be hashed anew for each request
  #enter(name: string, kind: Owner['kind'], issuer?: string): CountedRequest | undefined {
    const first = this.#owners.get(name)
    let owner = first
    while (owner !== undefined && (owner.issuer !== issuer || owner.kind !== kind)) owner = owner.next
    const { maxConcurrent, reserve = 0 } = this.limits
    const requests = owner?.requests ?? 0
    if (requests >= maxConcurrent + reserve) return undefined
    if (owner === undefined) {
      owner = { name, kind, issuer, requests: 0, bytes: 0, next: first }
      this.#owners.set(name, owner)
      this.#size++
    }
    owner.requests++
    return new Counted(this, owner, requests >= maxConcurrent)
  }

  /** Forgets a user who has nothing under way; once or more. */
  forget(owner: Owner): void {
    const { name, next } = owner
    let before = this.#owners.get(name)
    if (before === owner) {
      if (next === undefined) this.#owners.delete(name)
      else this.#owners.set(name, next)
      this.#size--
      return
    }
    while (before !== undefined && before.next !== owner) before = before.next
    // Ended twice, it must not take the count of those that came meanwhile
    if (before === undefined) return
    before.next = next
    this.#size--
  }
}

// A class, since an object with an accessor in it takes longer to make than all the rest
class Counted implements CountedRequest {
  readonly isSurplus: boolean
  isRefused = false
  readonly #underWay: UnderWay
  readonly #owner: Owner
  #requests = 1
  #held = 0

  constructor(underWay: UnderWay, owner: Owner, isSurplus: boolean) {
    this.#underWay = underWay
    this.#owner = owner
    this.isSurplus = isSurplus
  }

  take(bytes: number): boolean {
    const owner = this.#owner
    // The only request of a user may be as large as a body can be
    this.isRefused = owner.bytes > this.#held && owner.bytes + bytes > this.#underWay.limits.maxConcurrentBytes
    if (this.isRefused) return false
    owner.bytes += bytes
    this.#held += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#owner.bytes -= bytes
    this.#held -= bytes
  }

  add(more: number): boolean {
    if (this.#owner.requests + more > this.#underWay.limits.maxConcurrent) return false
    this.#owner.requests += more
    this.#requests += more
    return true
  }

  end(): void {
    const owner = this.#owner
    owner.requests -= this.#requests
    owner.bytes -= this.#held
    this.#requests = 0
    this.#held = 0
    if (owner.requests === 0) this.#underWay.forget(owner)
  }
}
