import { BoundedMap } from '../cache/bounded-map.js'
import { callable, checkOptions, type OptionTypes, optional, positive } from '../contract/option-types.js'
import type { Decision, Policy, PolicyInput } from '../contract/policy.js'
import { decideAll, isPromise } from './decide.js'
import { joinPolicies } from './policy-parts.js'
import { isUnavailable } from './read-decision.js'
import { subjectClass } from './subject-class.js'

/** How long decisions are kept, and how many. */
export interface CachedOptions {
  /**
   * Seconds that a decision is kept; shorter where the decision itself says so (`maxAge`).
   *
   * @default 5
   */
  readonly maxAge?: number
  /**
   * Decisions that are kept at a time; what was not used lately goes first.
   *
   * @default 10_000
   */
  readonly maxEntries?: number
}

/**
 * Keeps the decisions of a policy, for those that cost a question to another process. A decision is used again for the same
 * question alone: the same action, resource and labels, and who is alike in what the policy says that it depends on, in
 * everything but the time where it does not say. So a rule that looks at the clock, and a rule that was changed, hold `maxAge`
 * seconds late. What could not be decided is not kept, and neither is anything of a policy that needs arguments.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const slow: Policy = async ({ subject }) => ({ allow: await isMember(subject.id), reason: 'Not a member' })
 * const rules = cached(slow, { maxAge: 10 })
 * ```
 */
export function cached(policy: Policy, options: CachedOptions = {}): Policy {
  callable(policy, 'The policy of cached')
  checkOptions('cached', options, types)
  const { maxAge = 5, maxEntries = 10_000 } = options
  if (policy.needsArguments === true) return policy
  const kept = new BoundedMap<KeptDecision>(Math.max(2, maxEntries))

  const many = (inputs: readonly PolicyInput[]) => {
    const now = performance.now()
    const keys = keysOf(inputs, policy)
    const decisions: (Decision | undefined)[] = keys.map((key) => {
      const found = kept.get(key)
      return found !== undefined && now < found.until ? found.decision : undefined
    })
    const missing: number[] = []
    for (const [index, decision] of decisions.entries()) if (decision === undefined) missing.push(index)
    if (missing.length === 0) return decisions as Decision[]
    const fill = (asked: readonly Decision[]) => {
      for (const [number, index] of missing.entries()) {
        const decision = asked[number] as Decision
        decisions[index] = decision
        const age = Math.min(maxAge, decision.maxAge ?? maxAge)
        const key = keys[index] as string
        if (!isUnavailable(decision) && age > 0 && key.length <= maxKey) {
          kept.set(key, { decision, until: performance.now() + age * 1000 })
        }
      }
      return decisions as Decision[]
    }
    const asked = decideAll(
      policy,
      missing.map((index) => inputs[index] as PolicyInput),
      { timeout: Number.POSITIVE_INFINITY },
    )
    return isPromise(asked) ? asked.then(fill) : fill(asked)
  }
  return joinPolicies('cached', [policy], many)
}

/** A name may be as long as a message; longer questions are asked each time. */
const maxKey = 4096

interface KeptDecision {
  readonly decision: Decision
  /** On the clock of `performance.now()`. */
  readonly until: number
}

const types: OptionTypes<CachedOptions> = { maxAge: optional(positive), maxEntries: optional(positive) }

/** The items of a list share their subject, which is written once. */
function keysOf(inputs: readonly PolicyInput[], { dependsOn }: Policy): string[] {
  let before: PolicyInput | undefined
  let who = ''
  return inputs.map((input) => {
    if (before?.subject !== input.subject || before.env.address !== input.env.address) {
      who = subjectClass(input, dependsOn)
    }
    before = input
    const { server, kind, name, advertisedName, labels, annotations } = input.resource
    return JSON.stringify([who, input.action, server, kind, name, advertisedName, labels, annotations])
  })
}
