import * as engine from '@cedar-policy/cedar-wasm/nodejs'
import { invalidConfiguration } from '../../../contract/invalid-configuration.js'
import type { Logger } from '../../../contract/logger.js'

/** Cedar policies: one text, in which `@id("…")` names a policy, or texts by their ids. */
export type CedarPolicies = string | Readonly<Record<string, string>>

/** What prepared policies look at. */
export interface PreparedPolicies {
  /** Whether any of them looks at `context.address`, which takes Cedar longer to read than all the rest. */
  readonly withAddress: boolean
}

/**
 * Reads policies, validates them against the schema and prepares them under the name. What was there before stays in use
 * until all of it is right, and is replaced in one step.
 *
 * @throws {GatewayError} `invalid_configuration` with what Cedar says
 */
export function preparePolicies(
  name: string,
  policies: CedarPolicies,
  schema: string,
  logger: Logger,
): PreparedPolicies {
  const staticPolicies = typeof policies === 'string' ? fromText(policies) : policies
  if (Object.keys(staticPolicies).length === 0) throw wrong('has no policy, and would deny everything')
  const set = { staticPolicies }
  const parsed = engine.checkParsePolicySet(set)
  if (parsed.type === 'failure') throw wrong(`cannot be read: ${messagesOf(parsed.errors)}`)
  const validated = engine.validate({ schema, policies: set })
  if (validated.type === 'failure') throw wrong(`cannot be validated: ${messagesOf(validated.errors)}`)
  if (validated.validationErrors.length > 0) {
    throw wrong(`does not fit the schema: ${messagesOf(validated.validationErrors.map(({ error }) => error))}`)
  }
  for (const { policyId, error } of validated.validationWarnings) {
    logger.warn({ policy: policyId, reason: error.message }, 'a Cedar policy may not do what it was written for')
  }
  const prepared = engine.preparsePolicySet(name, set)
  if (prepared.type === 'failure') throw wrong(`cannot be read: ${messagesOf(prepared.errors)}`)
  const withAddress = Object.values(staticPolicies).some((policy) => {
    const read = engine.policyToJson(policy)
    return read.type === 'failure' || JSON.stringify(read.json).includes('"address"')
  })
  return { withAddress }
}

function fromText(text: string): Record<string, string> {
  const parts = engine.policySetTextToParts(text)
  if (parts.type === 'failure') throw wrong(`cannot be read: ${messagesOf(parts.errors)}`)
  if (parts.policy_templates.length > 0) throw wrong('has a template, which decides nothing; write a policy without ?')
  const named: Record<string, string> = {}
  // They come in an order of their own
  const inOrder = parts.policies.toSorted((a, b) => text.indexOf(a) - text.indexOf(b))
  for (const [index, policy] of inOrder.entries()) {
    const read = engine.policyToJson(policy)
    const id = (read.type === 'success' ? read.json.annotations?.id : undefined) ?? `policy${index}`
    if (Object.hasOwn(named, id)) throw wrong(`has two policies with the id ${JSON.stringify(id)}`)
    named[id] = policy
  }
  return named
}

function wrong(what: string): Error {
  return invalidConfiguration(`cedar: policies ${what}`)
}

/** What Cedar says, with its hints. */
export function messagesOf(errors: readonly engine.DetailedError[]): string {
  return errors.map(({ message, help }) => (help === null ? message : `${message} (${help})`)).join('; ')
}
