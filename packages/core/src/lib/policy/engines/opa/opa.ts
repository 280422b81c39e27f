import { invalidConfiguration } from '../../../contract/invalid-configuration.js'
import {
  callable,
  checkOptions,
  filledText,
  flag,
  type OptionTypes,
  optional,
  positive,
} from '../../../contract/option-types.js'
import type { Decision, Policy, PolicyInput } from '../../../contract/policy.js'
import { isObject } from '../../../json/is-object.js'
import { createEngineClient, type EngineClient, type EngineOptions, engineTypes } from '../engine-client.js'
import { mapConcurrently } from '../map-concurrently.js'
import { opaInput, opaResource } from './opa-input.js'

/** What `opa` needs to know. */
export interface OpaOptions extends EngineOptions {
  /**
   * The rule that decides, as a path below `/v1/data`. Its value is `true`, or an object with `allow: true`; everything
   * else denies, and so does a rule without a value.
   *
   * @default 'mcp/authz/allow'
   */
  readonly path?: string
  /**
   * A rule whose value is the set of the names that are allowed. A list of tools is one question then: `input.resources`
   * has all of them, each as `input.resource` has one. Default: each entry is a question.
   */
  readonly listPath?: string
  /** What `input` is. Default: the document {@link OpaInput}. */
  readonly input?: (input: PolicyInput) => unknown
  /** What `input.env` is, such as `prod`. Not with `input`. */
  readonly environment?: string
  /**
   * Whether the arguments of tools and prompts are sent as `input.arguments`. They may hold what OPA's decision log should not.
   *
   * @default false
   */
  readonly arguments?: boolean
  /**
   * How many questions of one list are asked at once.
   *
   * @default 8
   */
  readonly concurrency?: number
  /**
   * What `check` asks: `/health`, or `/health?bundles` to wait for bundles too.
   *
   * @default '/health'
   */
  readonly health?: string
}

const types: OptionTypes<OpaOptions> = {
  ...engineTypes,
  path: optional(filledText),
  listPath: optional(filledText),
  input: optional(callable),
  environment: optional(filledText),
  arguments: optional(flag),
  concurrency: optional(positive),
  health: optional(filledText),
}

/** So many entries are in one question at most: the names that are allowed have to fit into the answer. */
const maxListed = 500

/**
 * A policy that asks an Open Policy Agent by its data API. Errors of built-in functions in a rule are errors
 * (`strict-builtin-errors`) and do not make it undefined. It does not cache and does not retry.
 *
 * A rule that is `false`, undefined or anything but `true` denies. Where OPA cannot be asked or answers with an error the
 * policy rejects, and nothing is allowed.
 *
 * An object as the value may have `reason`, `public`, `requiredScopes`, `maxAge` and `policies` as {@link Decision} has
 * them. With `obligations` it denies, since none are known.
 *
 * @throws {GatewayError} `invalid_configuration`; the policy itself rejects with `temporarily_unavailable`
 * @see https://www.openpolicyagent.org/docs/rest-api#get-a-document-with-input
 * @example
 * ```ts
 * const policy: Policy = opa({ url: 'http://127.0.0.1:8181', path: 'mcp/authz/allow', listPath: 'mcp/authz/allowed' })
 * ```
 */
export function opa(options: OpaOptions): Policy {
  checkOptions('opa', options, types)
  const { path = 'mcp/authz/allow', listPath, environment, concurrency = 8, health = '/health' } = options
  const withArguments = options.arguments ?? false
  if (options.input !== undefined && (listPath !== undefined || environment !== undefined)) {
    throw invalidConfiguration('opa: listPath and environment belong to the default document; leave out input, or them')
  }
  if (!health.startsWith('/')) throw invalidConfiguration('opa: health must begin with a slash, such as /health')
  const map = options.input ?? ((input: PolicyInput) => opaInput(input, environment, withArguments))
  const single = rulePath('path', path)
  const listed = listPath === undefined ? undefined : rulePath('listPath', listPath)
  const client = createEngineClient('opa', options)

  const decide = async (input: PolicyInput, signal?: AbortSignal): Promise<Decision> => {
    const { body } = await client.ask({ path: single, body: { input: map(input) }, signal })
    return decisionOf(readValue(client, single, body), path)
  }
  const decideEach = (inputs: readonly PolicyInput[]) => mapConcurrently(inputs, concurrency, decide)
  const decideListed = async (rule: string, inputs: readonly PolicyInput[], signal: AbortSignal) => {
    const [first] = inputs as readonly [PolicyInput]
    const { resource, path: _, ...common } = opaInput(first, environment)
    const { kind, action } = resource
    const document = { ...common, resource: { kind, action }, resources: inputs.map(opaResource) }
    const { body } = await client.ask({ path: rule, body: { input: document }, signal })
    const { value, id } = readValue(client, rule, body)
    const names = new Set(Array.isArray(value) ? value : [])
    const policies = [id === undefined ? String(listPath) : `${listPath}#${id}`]
    return inputs.map(
      (input): Decision =>
        names.has(input.resource.name)
          ? { allow: true, policies }
          : { allow: false, reason: `opa: ${listPath} does not name it`, policies },
    )
  }

  return Object.assign((input: PolicyInput) => decide(input), {
    needsArguments: withArguments,
    async many(inputs: readonly PolicyInput[]): Promise<readonly Decision[]> {
      if (listed === undefined) return decideEach(inputs)
      const decisions = new Array<Decision>(inputs.length)
      const { groups, others } = grouped(inputs, withArguments)
      const parts = groups.flatMap((group) => chunks(group, maxListed))
      const pick = (indexes: readonly number[]) => indexes.map((index) => inputs[index] as PolicyInput)
      const answers = await mapConcurrently(parts, concurrency, (part, signal) =>
        decideListed(listed, pick(part), signal),
      )
      for (const [index, part] of parts.entries()) {
        for (const [at, decision] of (answers[index] ?? []).entries()) decisions[part[at] as number] = decision
      }
      for (const [at, decision] of (await decideEach(pick(others))).entries())
        decisions[others[at] as number] = decision
      return decisions
    },
    check: () => client.check(health),
  })
}

function rulePath(option: string, path: string): string {
  const segments = path.split('/')
  if (segments.some((segment) => !/^[\w.@-]+$/.test(segment) || /^\.+$/.test(segment)) || /^v\d\//.test(path)) {
    throw invalidConfiguration(
      `opa: ${option} is a rule below /v1/data, such as mcp/authz/allow, without a slash at either end`,
    )
  }
  return `/v1/data/${path}?strict-builtin-errors=true`
}

/** The value of the rule, and the id that OPA's decision log has for it. */
interface Value {
  readonly value: unknown
  readonly id?: string
}

function readValue(client: EngineClient, path: string, body: unknown): Value {
  if (!isObject(body)) throw client.unusable(path, 'answers with JSON that is no object; check that url is that of OPA')
  const id = body.decision_id
  return { value: body.result, ...(typeof id === 'string' && id.length <= 128 ? { id } : {}) }
}

function decisionOf({ value, id }: Value, path: string): Decision {
  const own = id === undefined ? path : `${path}#${id}`
  if (value === true) return { allow: true, policies: [own] }
  if (!isObject(value)) return { allow: false, reason: `opa: ${path} is ${shown(value)}`, policies: [own] }
  const { allow, reason, obligations, requiredScopes, maxAge } = value
  const policies = [own, ...(textsOf(value.policies) ?? [])]
  const kept = typeof maxAge === 'number' && maxAge >= 0 ? { maxAge, policies } : { policies }
  if (obligations !== undefined && !(Array.isArray(obligations) && obligations.length === 0)) {
    return { allow: false, reason: `opa: ${path} has obligations, of which none is known`, policies }
  }
  if (allow === true) return { allow: true, ...kept }
  const scopes = textsOf(requiredScopes)
  return {
    allow: false,
    ...(typeof reason === 'string'
      ? { reason, ...(value.public === true ? { public: true } : {}) }
      : { reason: `opa: ${path} has allow ${shown(allow)}` }),
    ...(scopes === undefined || scopes.length === 0 ? {} : { requiredScopes: scopes }),
    ...kept,
  }
}

function textsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined
}

/** A value other than a boolean may be anything that the rule has read. */
function shown(value: unknown): string {
  if (value === undefined) return 'undefined; if it should not be, check path'
  return typeof value === 'boolean'
    ? String(value)
    : `neither true nor false but a ${Array.isArray(value) ? 'list' : typeof value}`
}

/**
 * Groups the entries that differ in their resource alone, by index. An entry without a name, those of one name that are
 * not the same, and those with arguments are left to questions of their own: a name does not tell them apart.
 */
function grouped(inputs: readonly PolicyInput[], withArguments: boolean): { groups: number[][]; others: number[] } {
  const byName = new Map<string, Map<string, number[]>>()
  const others: number[] = []
  for (const [index, input] of inputs.entries()) {
    const { subject, action, env, resource } = input
    if (resource.name === undefined || (withArguments && input.arguments !== undefined)) {
      others.push(index)
      continue
    }
    const key = JSON.stringify([subject, action, env, resource.server, resource.kind])
    const names = byName.get(key) ?? new Map<string, number[]>()
    byName.set(key, names)
    const known = names.get(resource.name)
    if (known === undefined) names.set(resource.name, [index])
    else known.push(index)
  }
  const isAlike = (one: number, other: number) =>
    JSON.stringify(inputs[one]?.resource) === JSON.stringify(inputs[other]?.resource)
  const groups = [...byName.values()].map((names) => {
    const group: number[] = []
    for (const indexes of names.values()) {
      const isOne = indexes.every((index) => isAlike(index, indexes[0] ?? index))
      ;(isOne ? group : others).push(...indexes)
    }
    return group
  })
  return { groups, others }
}

function chunks(indexes: readonly number[], size: number): number[][] {
  return Array.from({ length: Math.ceil(indexes.length / size) }, (_, at) => indexes.slice(at * size, (at + 1) * size))
}
