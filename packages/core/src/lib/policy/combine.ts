import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { callable, listOf, type OptionType } from '../contract/option-types.js'
import type { Decision, Policy, PolicyInput } from '../contract/policy.js'
import { decideAll, isPromise } from './decide.js'
import { joinPolicies } from './policy-parts.js'
import type { Denial } from './read-decision.js'

/**
 * Allows what all of several policies allow. They are asked in order, the cheap ones best first; after a refusal that no
 * scope cures the rest is not asked. Where scopes are missing for several of them, the refusal names those of all, so that one
 * step-up is enough. A policy that could not be asked makes the whole undecided, unless another one refuses anyway.
 *
 * @throws {GatewayError} `invalid_configuration` at construction, for a list that is empty
 * @example
 * ```ts
 * const atWork: Policy = ({ env }) =>
 *   new Date(env.time * 1000).getUTCHours() < 18 ? { allow: true } : { allow: false, reason: 'After hours' }
 * const rules = allOf([toolSets({ notes: { roles: ['editor'], tools: ['*_note'] } }), atWork])
 * ```
 */
export function allOf(policies: readonly Policy[]): Policy {
  return combine('allOf', policies, bothOf, (decision) => decision.allow || !isFinal(decision))
}

/**
 * Allows what one of several policies allows. They are asked in order until one does. Where none does, a policy that could
 * not be asked makes the whole undecided; otherwise the refusal is the one that the client can do most about: of those that
 * name scopes the first, or the first whose reason is public.
 *
 * @throws {GatewayError} `invalid_configuration` at construction, for a list that is empty
 * @example
 * ```ts
 * const owner: Policy = ({ subject }) => ({ allow: subject.groups.includes('owners'), reason: 'Not an owner' })
 * const rules = anyOf([toolSets({ notes: { roles: ['reader'], tools: ['read_*'] } }), owner])
 * ```
 */
export function anyOf(policies: readonly Policy[]): Policy {
  return combine('anyOf', policies, oneOf, (decision) => !decision.allow)
}

const policiesType: OptionType = listOf(callable, 'a list of policies')

/**
 * @param join makes one decision of that so far and the next
 * @param isOpen whether another policy could change a decision
 */
function combine(
  name: string,
  policies: readonly Policy[],
  join: (before: Decision, next: Decision) => Decision,
  isOpen: (decision: Decision) => boolean,
): Policy {
  policiesType(policies, `The policies of ${name}`)
  if (policies.length === 0) throw invalidConfiguration(`The policies of ${name} are an empty list; name at least one`)
  const own = [...policies]

  const ask = (
    inputs: readonly PolicyInput[],
    from: number,
    before: readonly Decision[] | undefined,
  ): readonly Decision[] | Promise<readonly Decision[]> => {
    const policy = own[from]
    if (policy === undefined) return before as readonly Decision[]
    const open = before === undefined ? undefined : indicesOf(before, isOpen)
    if (open?.length === 0) return before as readonly Decision[]
    const asked = open === undefined || open.length === inputs.length ? inputs : open.map((index) => inputs[index])
    const joined = (decisions: readonly Decision[]) => {
      if (before === undefined || open === undefined) return ask(inputs, from + 1, decisions)
      const after = [...before]
      for (const [number, index] of open.entries()) {
        after[index] = join(before[index] as Decision, decisions[number] as Decision)
      }
      return ask(inputs, from + 1, after)
    }
    // Who asks the whole has a time limit for all of them
    const decisions = decideAll(policy, asked as readonly PolicyInput[], { timeout: Number.POSITIVE_INFINITY })
    return isPromise(decisions) ? decisions.then(joined) : joined(decisions)
  }
  return joinPolicies(name, own, (inputs) => ask(inputs, 0, undefined))
}

function indicesOf(decisions: readonly Decision[], isOpen: (decision: Decision) => boolean): number[] {
  const indices: number[] = []
  for (const [index, decision] of decisions.entries()) if (isOpen(decision)) indices.push(index)
  return indices
}

/** Whether no login and no second try changes a refusal. */
function isFinal({ requiredScopes, unavailable }: Denial): boolean {
  return requiredScopes === undefined && unavailable !== true
}

/** The decision of two policies that must both allow it. */
export function bothOf(before: Decision, next: Decision): Decision {
  if (before.allow) {
    return next.allow ? { allow: true, ...sharedOf(before, next) } : { ...next, ...sharedOf(before, next) }
  }
  if (next.allow) return { ...before, ...sharedOf(before, next) }
  const shared = sharedOf(before, next)
  if (isFinal(next) || next.unavailable) return { ...next, ...shared }
  if (before.unavailable) return { ...before, ...shared }
  const { requiredScopes: first = [] } = before
  const { requiredScopes: second = [] } = next
  return { ...wordsOf(before, next), requiredScopes: [...new Set([...first, ...second])], ...shared }
}

function oneOf(before: Decision, next: Decision): Decision {
  if (before.allow || next.allow) return before.allow ? before : next
  const shared = sharedOf(before, next)
  if (before.unavailable || next.unavailable) return { ...(before.unavailable ? before : next), ...shared }
  const isBetter = helpOf(next) > helpOf(before)
  const [chosen, other] = isBetter ? [next, before] : [before, next]
  const reason = chosen.public ? chosen.reason : `${before.reason}; ${next.reason}`
  return { ...chosen, reason, ...shared, ...(other.shadow && !chosen.shadow ? { shadow: other.shadow } : {}) }
}

/** How much a client can do about a refusal. */
function helpOf({ requiredScopes, public: isPublic }: Denial): number {
  return (requiredScopes === undefined ? 0 : 2) + (isPublic ? 1 : 0)
}

/** What is not public of one of them makes the whole not public. */
function wordsOf(before: Denial, next: Denial): Denial {
  const reason = before.reason === next.reason ? before.reason : `${before.reason}; ${next.reason}`
  return { allow: false, reason, ...(before.public && next.public && { public: true }) }
}

function sharedOf(before: Decision, next: Decision): Pick<Decision, 'maxAge' | 'policies' | 'shadow'> {
  const ages = [before.maxAge, next.maxAge].filter((age) => age !== undefined)
  const policies = [...(before.policies ?? []), ...(next.policies ?? [])]
  const shadow = before.shadow ?? next.shadow
  return {
    ...(ages.length > 0 && { maxAge: Math.min(...ages) }),
    ...(policies.length > 0 && { policies }),
    ...(shadow !== undefined && { shadow }),
  }
}
