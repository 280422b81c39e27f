import type { ScannedLists } from '../catalogue/scan-lists.js'
import type { Decision, PolicyInput } from '../contract/policy.js'
import { at } from '../json/raw-json.js'
import { type Asker, inputOf } from './asker.js'
import { decideAll, isPromise } from './decide.js'
import { withoutHidden } from './filter-lists.js'
import { useOf } from './operation.js'

/**
 * Takes out of the lists of a JSON-RPC response what the caller may not use. Where a policy could decide about nothing in them,
 * there is nothing to show, and nobody should take that for an empty list.
 *
 * @returns a promise only where the policy gave one
 */
export function visibleOnly(asker: Asker, bytes: Uint8Array, scanned: ScannedLists): Filtered | Promise<Filtered> {
  const inputs: PolicyInput[] = []
  const numbers = scanned.lists.map(({ kind, items }) =>
    items.map(({ name, annotations }) => {
      if (name === undefined) return -1
      const hints = annotations && at(bytes, annotations)
      return inputs.push(inputOf(asker, { action: useOf[kind], kind, name }, hints)) - 1
    }),
  )
  const finish = (decisions: readonly Decision[]): Filtered => {
    if (decisions.length > 0 && decisions.every(isUnavailable)) return 'unavailable'
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

function isUnavailable(decision: Decision): boolean {
  return !decision.allow && decision.unavailable === true
}
