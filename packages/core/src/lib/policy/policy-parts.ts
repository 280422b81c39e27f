import type { Degraded } from '../contract/check.js'
import type { Decision, Policy, PolicyFact } from '../contract/policy.js'

/** Where a policy that is made of others tells which, for `explain`. */
export const parts: unique symbol = Symbol('parts')

/** What a policy is made of. */
export interface PolicyParts {
  /** The function that made it. */
  readonly name: string
  readonly policies: readonly Policy[]
}

/** A policy that tells what it is made of. Those that others write do not. */
export interface MadePolicy extends Policy {
  readonly [parts]?: PolicyParts
}

/** A policy that decides about many questions at once, and what it takes over from those that it is made of. */
export function joinPolicies(
  name: string,
  policies: readonly Policy[],
  many: NonNullable<Policy['many']>,
  checked: readonly Policy[] = policies,
): MadePolicy {
  const one: Policy = (input) => {
    const decisions = many([input])
    return 'then' in decisions ? decisions.then(([first]) => first as Decision) : (decisions[0] as Decision)
  }
  const dependsOn = factsOf(policies)
  return Object.assign(one, {
    many,
    needsArguments: policies.some(({ needsArguments }) => needsArguments === true),
    ...(dependsOn !== undefined && { dependsOn }),
    ...(checked.some(({ check }) => check !== undefined) && { check: () => checkAll(checked) }),
    [parts]: { name, policies },
  })
}

/** All facts that any of them may look at; `undefined` where one does not tell. */
function factsOf(policies: readonly Policy[]): readonly PolicyFact[] | undefined {
  const facts = new Set<PolicyFact>()
  for (const { dependsOn } of policies) {
    if (dependsOn === undefined) return undefined
    for (const fact of dependsOn) facts.add(fact)
  }
  return [...facts]
}

async function checkAll(policies: readonly Policy[]): Promise<unknown> {
  const results = await Promise.all(policies.map((policy) => policy.check?.()))
  return results.find((result) => (result as Partial<Degraded> | undefined)?.degraded !== undefined)
}
