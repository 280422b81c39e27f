import type { Check } from '../contract/check.js'
import type { Handler } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { Logger } from '../contract/logger.js'
import { observersOf } from '../contract/request-observer.js'
import { compose } from '../http/compose.js'
import { originCheck } from '../http/origin-check.js'
import { createProbes, type ReadinessPart } from '../http/probes.js'
import { checkStorage } from '../storage/check-storage.js'
import { allowedOriginsOf, type BaseUrl } from './base-url.js'
import type { GatewayOptions } from './gateway-options.js'
import type { Callers, NamedServer } from './server-options.js'

/** The pieces of a gateway that may have something to say about readiness. */
export interface CheckedPieces {
  readonly callers: Callers
  readonly servers: readonly NamedServer[]
  readonly logger: Logger
}

/** What orchestrators ask of a gateway. */
export interface GatewayProbes {
  /** The paths, with what answers there. They may name any host. */
  readonly places: readonly [path: string, Handler][]
  readonly willClose: () => void
}

export function gatewayProbes(options: GatewayOptions, base: BaseUrl, pieces: CheckedPieces): GatewayProbes {
  const { health, ready, willClose } = createProbes({ parts: partsOf(options, pieces), logger: pieces.logger })
  // A check may start what it asks, which is not for a page to make it do
  const ofNoPage = originCheck({ allowedOrigins: allowedOriginsOf(options.allowedOrigins, base) })
  return {
    places: [
      [`${base.prefix}/health`, health],
      [`${base.prefix}/ready`, compose([ofNoPage], ready)],
    ],
    willClose,
  }
}

/** @throws {GatewayError} `invalid_configuration` for an entry of `readiness` that says what to ask nowhere */
function partsOf(options: GatewayOptions, { callers, servers }: CheckedPieces): ReadonlyMap<string, ReadinessPart> {
  const { storage, vault, readiness = {} } = options
  const { authority, identities } = callers
  const parts = new Map<string, ReadinessPart>()
  const add = (name: string, check: Check | undefined, required: ReadinessPart['required']) => {
    if (check !== undefined) parts.set(name, { check, required })
  }
  add('storage', storage && (() => checkStorage(storage)), true)
  add('authority', authority?.check?.bind(authority), true)
  add('identity', identities?.check?.bind(identities), true)
  add('vault', vault?.check?.bind(vault), true)
  for (const observer of observersOf(options.observe)) {
    add(observer.name ?? 'observer', observer.check?.bind(observer), true)
  }
  for (const { key, server, policy } of servers) {
    add(key, 'check' in server ? server.check?.bind(server) : undefined, 'one-of-them')
    const rules = typeof policy === 'object' ? policy.rules : policy
    add(`policy of ${key}`, rules?.check?.bind(rules), true)
  }
  for (const [path, given] of Object.entries(options.routes ?? {})) {
    const piece = typeof given === 'object' && !('fetch' in given) ? given.handle : given
    add(path, typeof piece === 'object' ? piece.check?.bind(piece) : undefined, false)
  }
  for (const [name, entry] of Object.entries(readiness)) {
    const { check = parts.get(name)?.check, required = true } = typeof entry === 'function' ? { check: entry } : entry
    if (check === undefined) {
      const known = [...parts.keys()].map((one) => JSON.stringify(one)).join(', ')
      throw invalidConfiguration(
        `readiness has ${JSON.stringify(name)} without a check; only ${known || 'no part of this gateway'} has one of its own`,
      )
    }
    parts.set(name, { check, required })
  }
  return parts
}
