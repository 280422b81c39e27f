import type { ScannedLists } from '../catalogue/scan-lists.js'
import type { Decision, PolicyInput } from '../contract/policy.js'
import { type Asker, inputOf } from './asker.js'
import { decideAll, isPromise } from './decide.js'
import { withoutHidden } from './filter-lists.js'
import { useOf } from './operation.js'
import { isUnavailable } from './read-decision.js'

/**
 * Takes out of the lists of a JSON-RPC response what the caller may not use. Where a policy could decide about nothing in them,
 * there is nothing to show, and nobody should take that for an empty list.
 *
 * @param onDecided hears of the decisions, where there are some
 * @returns a promise only where the policy gave one
 */
export function visibleOnly(
  asker: Asker,
  bytes: Uint8Array,
  scanned: ScannedLists,
  onDecided?: (decisions: readonly Decision[]) => void,
): Filtered | Promise<Filtered> {
  const inputs: PolicyInput[] = []
  const numbers = scanned.lists.map(({ kind, items }) =>
    items.map((item) => {
      const { name } = item
      if (name === undefined) return -1
      return inputs.push(inputOf(asker, { action: useOf[kind], kind, name }, { page: bytes, item })) - 1
    }),
  )
  const finish = (decisions: readonly Decision[]): Filtered => {
    if (decisions.length > 0 && decisions.every(isUnavailable)) return 'unavailable'
    onDecided?.(decisions)
    return withoutHidden(bytes, scanned, (list, item) => {
      const decision = decisions[numbers[list]?.[item] ?? -1]
      return decision !== undefined && isVisible(decision)
    })
  }
  const decisions = decideAll(asker.rules, inputs, asker)
  return isPromise(decisions) ? decisions.then(finish) : finish(decisions)
}

/** The bytes to send; `unavailable` where nothing could be decided. */
export type Filtered = Uint8Array | 'unavailable'

/**
 * Whether a list shows a part about whose use this was decided. What only wants scopes is shown: no client would ask for the
 * scopes of a tool that it does not see.
 */
export function isVisible(decision: Decision): boolean {
  return decision.allow || (decision.requiredScopes !== undefined && decision.unavailable !== true)
}
