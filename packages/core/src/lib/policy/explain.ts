import { callable } from '../contract/option-types.js'
import type { Decision, Policy, PolicyInput } from '../contract/policy.js'
import { type DecideOptions, decide } from './decide.js'
import { type MadePolicy, parts } from './policy-parts.js'

/** What a policy says to a question, and why. It is for operators: it has reasons that no client gets to see. */
export interface Explanation {
  /** What made the policy, such as `allOf`; of one that is a function its name. */
  readonly name: string
  readonly decision: Decision
  /** Milliseconds that it took. */
  readonly duration: number
  /** The same for each policy that it is made of, whether or not it was asked for the decision of the whole. */
  readonly parts: readonly Explanation[]
}

/**
 * Tells how a policy decides a question, down to each policy that it is made of: for a page or a command of the operator, or a
 * test of the rules. It asks engines as a request would, records nothing, and never throws for a policy that fails.
 *
 * @example
 * ```ts
 * const rules = allOf([toolSets({ notes: { roles: ['editor'], tools: ['*_note'] } }), () => ({ allow: true })])
 * const { decision } = await explain(rules, {
 *   subject: { id: 'alice', clientId: 'app', scopes: [], roles: ['editor'], groups: [] },
 *   action: 'tools/call',
 *   resource: { server: 'https://mcp.example.com/notes/mcp', kind: 'tool', name: 'delete_note' },
 *   env: { time: Math.floor(Date.now() / 1000) },
 * })
 * ```
 */
export async function explain(policy: Policy, input: PolicyInput, options: DecideOptions = {}): Promise<Explanation> {
  callable(policy, 'The policy of explain')
  const begin = performance.now()
  const decision = await decide(policy, input, options)
  const duration = performance.now() - begin
  const made = (policy as MadePolicy)[parts]
  const own: Explanation[] = []
  for (const part of made?.policies ?? []) own.push(await explain(part, input, options))
  return { name: made?.name ?? (policy.name || 'policy'), decision, duration, parts: own }
}
