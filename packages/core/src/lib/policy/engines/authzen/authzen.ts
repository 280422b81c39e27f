import {
  anyOf,
  callable,
  checkOptions,
  flag,
  type OptionTypes,
  oneOf,
  optional,
  positive,
} from '../../../contract/option-types.js'
import type { Decision, Policy, PolicyInput } from '../../../contract/policy.js'
import { isObject } from '../../../json/is-object.js'
import { displayText } from '../../../text/display-text.js'
import { createEngineClient, type EngineClient, type EngineOptions, engineTypes } from '../engine-client.js'
import { mapConcurrently } from '../map-concurrently.js'
import type { AuthZenEvaluation } from './access-evaluation.js'
import { type AuthZenEndpoints, readAuthZenMetadata, standardEndpoints, wellKnownPath } from './authzen-metadata.js'
import { coazMapping } from './coaz.js'

/** What is added to a question. Members that the profile has set stay as they are. */
export interface AuthZenProperties {
  /** Such as `{ roles: ['editor'] }`. */
  readonly subject?: Readonly<Record<string, unknown>>
  readonly action?: Readonly<Record<string, unknown>>
  readonly resource?: Readonly<Record<string, unknown>>
  readonly context?: Readonly<Record<string, unknown>>
}

/** What `authzen` needs to know. */
export interface AuthZenOptions extends EngineOptions {
  /**
   * How a question is put: `coaz` as the default mapping of COAZ for MCP does, or a function, which may deny by `undefined`.
   * The subject should come from `input.subject` alone: arguments are the client's.
   *
   * @default 'coaz'
   */
  readonly profile?: 'coaz' | ((input: PolicyInput) => AuthZenEvaluation | undefined)
  /**
   * Properties beside those of the profile, for decision points that decide by roles, groups, labels or addresses. By
   * default the subject has `issuer`, `roles`, `groups` and `scopes`, and the resource its labels.
   */
  readonly properties?: (input: PolicyInput) => AuthZenProperties
  /**
   * Whether the decision point is asked for its metadata at the first question, and what it says about its endpoints is used.
   * It has to name `url` as itself. Without, the paths of the specification are asked.
   *
   * @default true
   */
  readonly discovery?: boolean
  /**
   * How many questions are sent at once to the endpoint for many.
   *
   * @default 50
   */
  readonly batchSize?: number
  /**
   * How many requests of one list are under way at once.
   *
   * @default 8
   */
  readonly concurrency?: number
  /**
   * Whether the profile reads `input.arguments`. `coaz` does not.
   *
   * @default false
   */
  readonly arguments?: boolean
}

const types: OptionTypes<AuthZenOptions> = {
  ...engineTypes,
  profile: optional(anyOf("'coaz', or a function", oneOf('coaz'), callable)),
  properties: optional(callable),
  discovery: optional(flag),
  batchSize: optional(positive),
  concurrency: optional(positive),
  arguments: optional(flag),
}

/** Milliseconds for which metadata is believed. */
const metadataLasts = 3_600_000
/** Characters of what a decision point says to people. */
const longestReason = 300

/**
 * A policy that asks a policy decision point by AuthZEN 1.0, such as Cerbos, Topaz or Keycloak, with the default mapping of
 * COAZ for MCP. It does not cache.
 *
 * Only `decision: true` allows. A decision with `obligations` denies, since none are known; one that fewer answers came for
 * than was asked denies what is missing. What can be requested (`context.access_request`) is told to the client in words,
 * without the tokens in it. Where the decision point cannot be asked or answers nonsense the policy rejects, and nothing
 * is allowed.
 *
 * @throws {GatewayError} `invalid_configuration`; the policy itself rejects with `temporarily_unavailable`
 * @see https://openid.net/specs/authorization-api-1_0.html
 * @example
 * ```ts
 * const policy: Policy = authzen({ url: 'https://pdp.example.com', token: 'secret' })
 * ```
 */
export function authzen(options: AuthZenOptions): Policy {
  checkOptions('authzen', options, types)
  const { profile = 'coaz', properties = usualProperties, discovery = true, batchSize = 50, concurrency = 8 } = options
  const map = profile === 'coaz' ? coazMapping : profile
  const client = createEngineClient('authzen', options)
  const endpoints = discovery ? discovered(client) : async () => standardEndpoints

  const questionOf = (input: PolicyInput): AuthZenEvaluation | Decision => {
    const mapped = map(input)
    if (mapped === 'pass') return { allow: true, policies: ['coaz:pass'] }
    if (mapped === undefined || mapped === 'deny') {
      return { allow: false, reason: `authzen: the profile has no mapping for ${displayText(input.action, 100)}` }
    }
    return withProperties(mapped, properties(input))
  }
  const decideOne = async (question: AuthZenEvaluation, { evaluation }: AuthZenEndpoints, signal?: AbortSignal) => {
    const { body } = await client.ask({ path: evaluation, body: question, signal })
    return decisionOf(body) ?? fail(client, evaluation, 'answers without a decision of true or false')
  }
  const decideMany = async (questions: readonly AuthZenEvaluation[], path: string, signal: AbortSignal) => {
    const [{ subject, context }] = questions as readonly [AuthZenEvaluation]
    const body = {
      subject,
      ...(context === undefined ? {} : { context }),
      evaluations: questions.map(({ action, resource }) => ({ action, resource })),
      options: { evaluations_semantic: 'execute_all' },
    }
    const { body: answer } = await client.ask({ path, body, signal })
    const all = isObject(answer) ? answer.evaluations : undefined
    if (!Array.isArray(all)) fail(client, path, 'answers without a list of evaluations')
    if (all.length > questions.length) fail(client, path, 'answers more evaluations than were asked')
    return questions.map((_, index): Decision => {
      if (index >= all.length) return { allow: false, reason: 'authzen: the decision point left out this evaluation' }
      return (
        decisionOf(all[index]) ?? { allow: false, reason: 'authzen: an evaluation has no decision of true or false' }
      )
    })
  }

  return Object.assign(
    async (input: PolicyInput): Promise<Decision> => {
      const question = questionOf(input)
      return 'allow' in question ? question : decideOne(question, await endpoints())
    },
    {
      needsArguments: options.arguments ?? false,
      async many(inputs: readonly PolicyInput[]): Promise<readonly Decision[]> {
        const decisions = inputs.map(questionOf)
        const open = decisions.flatMap((one, index) => ('allow' in one ? [] : [index]))
        if (open.length === 0) return decisions as Decision[]
        const found = await endpoints()
        const { evaluations: path } = found
        const questions = decisions as readonly AuthZenEvaluation[]
        const parts = path === undefined ? open.map((index) => [index]) : batches(questions, open, batchSize)
        const answers = await mapConcurrently(parts, concurrency, async (part, signal) => {
          const asked = part.map((index) => questions[index] as AuthZenEvaluation)
          if (path !== undefined) return decideMany(asked, path, signal)
          return Promise.all(asked.map((question) => decideOne(question, found, signal)))
        })
        for (const [at, part] of parts.entries()) {
          for (const [place, index] of part.entries()) decisions[index] = answers[at]?.[place] as Decision
        }
        return decisions as Decision[]
      },
      async check() {
        if (discovery) await client.check(wellKnownPath)
        // Nothing is known there that could be asked for, but whoever answers that is there
        else await client.check('/', (status) => status < 500 && status !== 429)
      },
    },
  )
}

/**
 * Splits questions, by index, into batches about one subject and context each. In no batch has one resource different
 * properties: there are decision points (Cerbos 0.55) that tell the entries of a batch apart by the ids of their subjects
 * and resources alone, and would decide about one by what is said of another.
 */
function batches(questions: readonly AuthZenEvaluation[], indexes: readonly number[], size: number): number[][] {
  const open = new Map<string, { part: number[]; resources: Map<string, string> }[]>()
  const all: number[][] = []
  for (const index of indexes) {
    const { subject, context, resource } = questions[index] as AuthZenEvaluation
    const key = JSON.stringify([subject, context])
    const candidates = open.get(key) ?? []
    open.set(key, candidates)
    const id = JSON.stringify([resource.type, resource.id])
    const text = JSON.stringify(resource)
    const fits = candidates.find(({ part, resources }) => part.length < size && (resources.get(id) ?? text) === text)
    if (fits === undefined) {
      const part = [index]
      all.push(part)
      candidates.push({ part, resources: new Map([[id, text]]) })
      continue
    }
    fits.part.push(index)
    fits.resources.set(id, text)
    // What is full is looked at no more
    if (fits.part.length >= size) candidates.splice(candidates.indexOf(fits), 1)
  }
  return all
}

/** The endpoints, asked for once an hour; those that were found serve on while the metadata cannot be had. */
function discovered(client: EngineClient): () => Promise<AuthZenEndpoints> {
  let found: AuthZenEndpoints | undefined
  let checkedAt = 0
  const load = async (): Promise<AuthZenEndpoints> => {
    const { body } = await client.ask({ path: wellKnownPath })
    const read = readAuthZenMetadata(body, client.url)
    return typeof read === 'string' ? fail(client, wellKnownPath, read) : read
  }
  return async () => {
    const now = performance.now()
    if (found === undefined) found = await load()
    else if (now - checkedAt > metadataLasts) found = await load().catch(() => found as AuthZenEndpoints)
    else return found
    checkedAt = now
    return found
  }
}

function fail(client: EngineClient, path: string, why: string): never {
  throw client.unusable(path, why)
}

function usualProperties({ subject, resource }: PolicyInput): AuthZenProperties {
  const { issuer, roles, groups, scopes } = subject
  return {
    subject: { ...(issuer === undefined ? {} : { issuer }), roles, groups, scopes },
    ...(resource.labels === undefined ? {} : { resource: { labels: resource.labels } }),
  }
}

function withProperties(question: AuthZenEvaluation, added: AuthZenProperties): AuthZenEvaluation {
  const { subject, action, resource, context } = question
  return {
    subject: { ...subject, ...joined(added.subject, subject.properties) },
    action: { ...action, ...joined(added.action, action.properties) },
    resource: { ...resource, ...joined(added.resource, resource.properties) },
    ...(added.context === undefined && context === undefined ? {} : { context: { ...added.context, ...context } }),
  }
}

function joined(added: AuthZenProperties['subject'], own: AuthZenProperties['subject']): object {
  return added === undefined && own === undefined ? {} : { properties: { ...added, ...own } }
}

/** @returns nothing for what is no answer of AuthZEN 1.0 section 6.2 */
function decisionOf(answer: unknown): Decision | undefined {
  if (!isObject(answer) || typeof answer.decision !== 'boolean') return undefined
  const context = isObject(answer.context) ? answer.context : {}
  const { obligations, access_request: request } = context
  if (obligations !== undefined && !(Array.isArray(obligations) && obligations.length === 0)) {
    return { allow: false, reason: 'authzen: the decision has obligations, of which none is known' }
  }
  if (answer.decision) return { allow: true }
  if (isObject(request)) return { allow: false, reason: requestable(request), public: true }
  return { allow: false, reason: `authzen: denied${whyOf(context)}` }
}

/** What a person may read of it; its tokens and URLs are for enforcement points. */
function requestable({ display }: Readonly<Record<string, unknown>>): string {
  const { title, description } = isObject(display) ? display : {}
  const said = [title, description]
    .filter((one): one is string => typeof one === 'string')
    .map((one) => displayText(one, longestReason))
  return ['Access is denied, but can be requested', ...said].join(': ')
}

function whyOf({ reason, reason_admin: forAdmin, error }: Readonly<Record<string, unknown>>): string {
  const admin = isObject(forAdmin) ? Object.values(forAdmin)[0] : forAdmin
  const message = isObject(error) ? error.message : undefined
  const said = [reason, admin, message].find((one): one is string => typeof one === 'string')
  return said === undefined ? '' : `: ${displayText(said, longestReason)}`
}
