import type { PolicyFact, PolicyInput } from '../contract/policy.js'

const everything: readonly PolicyFact[] = ['user', 'actor', 'client', 'scopes', 'roles', 'groups', 'address']

/**
 * A text that is the same for all who are alike in these facts, and for nobody else; in all facts where none are given.
 * Scopes, roles and groups have no order.
 */
export function subjectClass(
  { subject, env }: Pick<PolicyInput, 'subject' | 'env'>,
  facts: readonly PolicyFact[] = everything,
): string {
  const { issuer, id, clientId, actor } = subject
  const values = facts.map((fact) => {
    switch (fact) {
      case 'user':
        return [issuer ?? null, id ?? null]
      case 'actor':
        return actor ?? null
      case 'client':
        return [issuer ?? null, clientId]
      case 'address':
        return env.address ?? null
      default:
        return subject[fact].length < 2 ? subject[fact] : [...subject[fact]].sort()
    }
  })
  return JSON.stringify(values)
}
