import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { fnv1a } from '../text/fnv.js'
import { loggedUrl } from '../text/logged-url.js'

/** One of the addresses behind a proxy. */
export interface Upstream {
  readonly url: string
  /** The same for logs and records, without credentials and query. */
  readonly server: string
  /** A short name that stays the same whatever the order of the addresses. */
  readonly tag: string
  /** Requests under way. */
  load: number
  /** The time on `performance.now()` until which it counts as down. */
  downUntil: number
  checkedAt: number
}

/** How the health of upstreams is found out. */
export interface HealthOptions {
  readonly retryAfter: number
  /** Resolves to whether an upstream is well. */
  readonly check?: (upstream: Upstream) => Promise<boolean>
  readonly checkInterval: number
}

/** The addresses behind a proxy and what is known of their health. No timers run: what is due is done on demand. */
export class Upstreams {
  readonly all: readonly Upstream[]
  readonly #health: HealthOptions
  #turn = 0

  constructor(urls: readonly string[], health: HealthOptions) {
    if (urls.length === 0) throw invalidConfiguration('proxy needs at least one URL')
    this.all = urls.map(newUpstream)
    if (new Set(this.all.map(({ tag }) => tag)).size < urls.length) {
      throw invalidConfiguration('proxy has the same URL twice')
    }
    this.#health = health
  }

  /** The upstreams in the order in which to try them: well ones first, among those the least loaded, in turn. */
  inOrder(): readonly Upstream[] {
    const [only] = this.all
    if (this.all.length === 1 && only !== undefined) return [only]
    const now = performance.now()
    this.#turn = (this.#turn + 1) % this.all.length
    const turned = [...this.all.slice(this.#turn), ...this.all.slice(0, this.#turn)]
    for (const upstream of turned) this.#checkIfDue(upstream, now)
    return turned.sort((a, b) => Number(a.downUntil > now) - Number(b.downUntil > now) || a.load - b.load)
  }

  /** Whether any other upstream than this one counts as well. */
  hasOther(upstream: Upstream): boolean {
    return this.all.some((other) => other !== upstream && other.downUntil <= performance.now())
  }

  markDown(upstream: Upstream): void {
    upstream.downUntil = performance.now() + this.#health.retryAfter * 1000
  }

  markUp(upstream: Upstream): void {
    upstream.downUntil = 0
  }

  #checkIfDue(upstream: Upstream, now: number): void {
    const { check, checkInterval } = this.#health
    if (check === undefined || now - upstream.checkedAt < checkInterval * 1000) return
    upstream.checkedAt = now
    check(upstream).then(
      (well) => {
        // A bad check stands until a good one; a good one ends what a failed connection began
        upstream.downUntil = well ? 0 : Number.POSITIVE_INFINITY
      },
      () => this.markDown(upstream),
    )
  }
}

function newUpstream(url: string): Upstream {
  const server = loggedUrl(checkUrl(url))
  return { url, server, tag: tagOf(url), load: 0, downUntil: 0, checkedAt: Number.NEGATIVE_INFINITY }
}

function checkUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.hash !== '') {
    throw invalidConfiguration(`proxy: ${JSON.stringify(url)} must be an http or https URL`)
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw invalidConfiguration('proxy: put credentials of the upstream into headers, not its URL')
  }
  return url
}

/** It only has to tell a handful of addresses apart. */
function tagOf(url: string): string {
  return fnv1a(url).toString(36)
}
