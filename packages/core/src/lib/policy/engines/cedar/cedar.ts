import * as engine from '@cedar-policy/cedar-wasm/nodejs'
import { invalidConfiguration } from '../../../contract/invalid-configuration.js'
import type { Logger } from '../../../contract/logger.js'
import {
  anyOf,
  callable,
  checkOptions,
  filledText,
  flag,
  listOf,
  type OptionTypes,
  object,
  optional,
  recordOf,
} from '../../../contract/option-types.js'
import type { Decision, Policy, PolicyInput, PolicySubject } from '../../../contract/policy.js'
import { loggerType } from '../../../contract/shared-option-types.js'
import { isIllFormed } from '../../../json/fold-name.js'
import { createLogger } from '../../../logging/create-logger.js'
import { actionsOf } from './cedar-actions.js'
import { type CedarPolicies, messagesOf, preparePolicies } from './cedar-policies.js'
import { type CedarEntity, contextOf, resourceEntity, subjectEntity, Unmappable } from './cedar-request.js'
import { cedarSchema } from './cedar-schema.js'

/** What `cedar` needs to know. */
export interface CedarOptions {
  /** The policies: one text, in which `@id("…")` names a policy, or texts by their ids. */
  readonly policies: CedarPolicies
  /**
   * The schema that the policies are validated against, in Cedar's syntax. It has to declare the namespace `MCP` as
   * {@link cedarSchema} does. Default: `cedarSchema()`.
   */
  readonly schema?: string
  /**
   * Entities beside those of the question: what a role or group belongs to, or what a function knows about this question.
   * The subject and the resource are made here, and must not be among them.
   */
  readonly entities?: readonly CedarEntity[] | ((input: PolicyInput) => readonly CedarEntity[])
  /**
   * Whether policies see `context.arguments`. A list has none, so a policy has to test with `context has arguments`; the
   * validation asks for that.
   *
   * @default false
   */
  readonly arguments?: boolean
  /** Hears of errors in policies and of questions that cannot be put to Cedar. Default: `createLogger()`. */
  readonly logger?: Logger
}

/** A policy whose rules can be replaced while it is in use. */
export interface CedarPolicy extends Policy {
  many(inputs: readonly PolicyInput[]): Promise<readonly Decision[]>
  check(): Promise<void>
  readonly needsArguments: boolean
  /**
   * Replaces all policies in one step: a question is decided by the old ones or by the new ones. Wrong ones change nothing.
   *
   * @throws {GatewayError} `invalid_configuration`
   */
  replace(policies: CedarPolicies): void
}

const types: OptionTypes<CedarOptions> = {
  policies: anyOf('Cedar policies as a text, or texts by id', filledText, recordOf(filledText)),
  schema: optional(filledText),
  entities: optional(anyOf('a list of entities, or a function that gives one', callable, listOf(object))),
  arguments: optional(flag),
  logger: optional(loggerType),
}

/** So that instances do not take each other's policies; Cedar keeps prepared sets by name for the whole process. */
let instances = 0
/** Milliseconds after which a list lets others have their turn. */
const slice = 10

/**
 * A policy that is decided by Cedar, in this process. The package `@cedar-policy/cedar-wasm` has to be installed.
 *
 * Everything is read, validated and prepared at construction, which takes about 0.1 s the first time and does no I/O: the
 * engine itself is loaded when this entry is imported. Nothing has to be started.
 *
 * Cedar skips a policy whose evaluation fails, so that a failing `forbid` would permit. Here any such error denies and is
 * logged. So does everything that cannot be put to Cedar: arguments nested deeper than 32 levels, more than 10,000 of
 * them, or text that is not well-formed.
 *
 * Principals are `MCP::User::"issuer|sub"` and, where a client acts for itself, `MCP::Client::"issuer|client"`; roles and groups
 * are their parents. Resources are `MCP::Tool::"server#name"` with the name that the server itself uses, in
 * `MCP::Server::"server"`; labels are tags. Actions are `MCP::Action::"tools/call"`, in the groups `read` or `write`.
 *
 * @throws {GatewayError} `invalid_configuration` for policies that Cedar cannot read or that do not fit the schema
 * @see https://docs.cedarpolicy.com/policies/syntax-policy.html
 * @example
 * ```ts
 * const policy: Policy = cedar({
 *   policies: `
 *     @id("editors") permit(principal in MCP::Role::"editor", action, resource);
 *     @id("sensitive") forbid(principal, action, resource) when { resource is MCP::Tool && resource.hasTag("sensitive") };
 *   `,
 * })
 * ```
 */
export function cedar(options: CedarOptions): CedarPolicy {
  checkOptions('cedar', options, types)
  const { policies, schema = cedarSchema(), entities = [], logger = createLogger() } = options
  const withArguments = options.arguments ?? false
  const name = `mcp-gateway-${++instances}`
  const actionEntities = actionsOf(schema)
  let prepared = preparePolicies(name, policies, schema, logger)
  if (typeof entities !== 'function') {
    const parsed = engine.checkParseEntities({ entities: entities as engine.Entities, schema })
    if (parsed.type === 'failure') {
      throw invalidConfiguration(`cedar: entities do not fit the schema: ${messagesOf(parsed.errors)}`)
    }
  }

  const refused = (reason: string, fields: Record<string, unknown> = {}): Decision => {
    logger.error({ engine: 'cedar', reason, ...fields }, 'a Cedar policy could not be evaluated, so it is denied')
    const ids = fields.policies as readonly string[] | undefined
    return { allow: false, reason: `cedar: ${reason}`, ...(ids === undefined ? {} : { policies: ids }) }
  }
  const evaluate = (input: PolicyInput, subject: CedarEntity): Decision => {
    const { action } = input
    if (isIllFormed(action)) throw new Unmappable('the method is not well-formed Unicode')
    const resource = resourceEntity(input.resource)
    const others = typeof entities === 'function' ? entities(input) : entities
    const answer = engine.statefulIsAuthorized({
      principal: subject.uid,
      action: { type: 'MCP::Action', id: action },
      resource: resource.uid,
      context: contextOf(input, { withArguments, ...prepared }) as engine.Context,
      preparsedPolicySetId: name,
      entities: [subject, resource, ...actionEntities(action), ...others] as engine.Entities,
    })
    if (answer.type === 'failure')
      return refused(`the question cannot be put: ${withoutIds(messagesOf(answer.errors))}`)
    const { decision, diagnostics } = answer.response
    if (diagnostics.errors.length > 0) {
      const failing = diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${withoutIds(error.message)}`)
      return refused(`evaluation failed: ${failing.join('; ')}`, {
        policies: diagnostics.errors.map(({ policyId }) => policyId),
      })
    }
    const ids = diagnostics.reason
    if (decision === 'allow') return { allow: true, policies: ids }
    const reason = ids.length > 0 ? `cedar: forbidden by ${ids.join(', ')}` : 'cedar: no policy permits it'
    return { allow: false, reason, policies: ids }
  }
  const decide = (input: PolicyInput, subject = () => subjectEntity(input.subject)): Decision => {
    try {
      return evaluate(input, subject())
    } catch (error) {
      if (error instanceof Unmappable) return refused(error.reason)
      return refused('it threw', { err: error })
    }
  }

  return Object.assign((input: PolicyInput) => decide(input), {
    needsArguments: withArguments,
    async many(inputs: readonly PolicyInput[]): Promise<readonly Decision[]> {
      const decisions: Decision[] = []
      const subjects = new Map<PolicySubject, CedarEntity>()
      let began = performance.now()
      for (const input of inputs) {
        decisions.push(
          decide(input, () => {
            const made = subjects.get(input.subject) ?? subjectEntity(input.subject)
            subjects.set(input.subject, made)
            return made
          }),
        )
        if (performance.now() - began < slice) continue
        await new Promise((resolve) => setTimeout(resolve, 0))
        began = performance.now()
      }
      return decisions
    },
    async check() {
      const nobody = { type: 'MCP::Client', id: '' }
      const action = { type: 'MCP::Action', id: 'ping' }
      const question = { principal: nobody, action, resource: nobody, context: {}, entities: [] }
      const answer = engine.statefulIsAuthorized({ ...question, preparsedPolicySetId: name })
      if (answer.type === 'failure') throw new Error(`cedar: ${messagesOf(answer.errors)}`)
    },
    replace(next: CedarPolicies) {
      types.policies(next, 'cedar: policies')
      prepared = preparePolicies(name, next, schema, logger)
    },
  })
}

/** Cedar names entities in its errors; who they are is not for a log. */
function withoutIds(message: string): string {
  return message.replaceAll(/::"(?:[^"\\]|\\.)*"/g, '::"…"')
}
