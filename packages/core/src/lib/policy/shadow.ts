import { callable, checkOptions, type OptionTypes, optional, positive } from '../contract/option-types.js'
import type { Decision, Policy, PolicyInput, ShadowDecision } from '../contract/policy.js'
import { decideAll, isPromise } from './decide.js'
import { joinPolicies } from './policy-parts.js'

/** How a policy is tried out. */
export interface ShadowOptions {
  /**
   * Seconds that the candidate may take; a request waits for it no longer.
   *
   * @default 1
   */
  readonly timeout?: number
  /** Hears of each question that the candidate would have decided otherwise, also those about the items of a list. */
  readonly onDifference?: (input: PolicyInput, decision: Decision, shadow: ShadowDecision) => void
}

/**
 * Tries a policy out: the first one decides, and what the candidate would have decided is written down beside it, in the
 * request's record and its line in the log. The candidate decides nothing: not when it fails or takes too long, which is
 * written down as a refusal, and not in readiness, which does not ask its `check`.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const everything: Policy = () => ({ allow: true })
 * const tried = shadow(everything, toolSets({ notes: { roles: ['editor'], tools: ['*_note'] } }), {
 *   onDifference: ({ resource }, _, { reason }) => console.warn(resource.name, reason),
 * })
 * ```
 */
export function shadow(policy: Policy, candidate: Policy, options: ShadowOptions = {}): Policy {
  callable(policy, 'The policy of shadow')
  callable(candidate, 'The candidate of shadow')
  checkOptions('shadow', options, types)
  const { timeout = 1, onDifference } = options

  const tell = (input: PolicyInput, decision: Decision, other: Decision): Decision => {
    const shadow: ShadowDecision = {
      allow: other.allow,
      ...(!other.allow && { reason: other.reason }),
      ...(other.policies !== undefined && { policies: other.policies }),
    }
    if (decision.allow !== other.allow) hear(input, decision, shadow)
    return { ...decision, shadow }
  }
  const hear = (input: PolicyInput, decision: Decision, shadow: ShadowDecision) => {
    try {
      onDifference?.(input, decision, shadow)
    } catch {
      // It decides nothing, and neither does who listens to it
    }
  }
  const many = (inputs: readonly PolicyInput[]) => {
    const decisions = decideAll(policy, inputs, { timeout: Number.POSITIVE_INFINITY })
    const others = decideAll(candidate, inputs, { timeout })
    const join = (own: readonly Decision[], other: readonly Decision[]) =>
      own.map((decision, index) => tell(inputs[index] as PolicyInput, decision, other[index] as Decision))
    if (!isPromise(decisions) && !isPromise(others)) return join(decisions, others)
    return Promise.all([decisions, others]).then(([own, other]) => join(own, other))
  }
  return joinPolicies('shadow', [policy, candidate], many, [policy])
}

const types: OptionTypes<ShadowOptions> = { timeout: optional(positive), onDifference: optional(callable) }
