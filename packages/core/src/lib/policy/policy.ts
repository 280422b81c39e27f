import { Catalogue, type CatalogueItem } from '../catalogue/catalogue.js'
import type { Context, Handler, Middleware } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { Message } from '../contract/message.js'
import {
  callable,
  checkOptions,
  filledText,
  flag,
  type OptionTypes,
  oneOf,
  optional,
  positive,
} from '../contract/option-types.js'
import type { Decision, Policy } from '../contract/policy.js'
import { recordRefusal } from '../contract/request-record.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { isObject } from '../json/is-object.js'
import { type Asker, inputOf } from './asker.js'
import { bothOf } from './combine.js'
import { decide, decideAll, isPromise } from './decide.js'
import { filterAnswer } from './filter-answer.js'
import { KeptLists } from './kept-lists.js'
import { compileLabels, type LabelOptions, labelsType } from './labels.js'
import { type Behind, ListedParts } from './listed-parts.js'
import { type Operation, operationOf } from './operation.js'
import { policyEnv, policySubject } from './policy-subject.js'
import { denied } from './read-decision.js'
import { recordDecision } from './record-decision.js'
import { accepted, type RefusalForm, refuse, unknownAnswer } from './refusals.js'

/** How a policy rules over a server. */
export interface PolicyOptions {
  /**
   * How a refusal is told that no login cures. `unknown`: as the answer for what does not exist, so that nobody learns what
   * there is. `error`: as the JSON-RPC error -31403. `result`: as the result of the tool with `isError`, which the model reads;
   * for other methods as `error`. A reason that the policy calls public is told in any case.
   *
   * @default 'unknown'
   */
  readonly refusals?: RefusalForm
  /** What the operator says about tools, prompts and resources, for policies that go by labels. */
  readonly labels?: LabelOptions
  /**
   * Whether the server is trusted to tell of its tools what they do: policies then get their `annotations`, on call the same as
   * in the list.
   *
   * @default false
   */
  readonly trustAnnotations?: boolean
  /**
   * Whether tools and prompts may be used that the server does not list. They are refused as unknown by default, so that what
   * nobody sees cannot be used, and the gateway asks the server for its lists to know. Where the server tells no list, its
   * own answers pass.
   *
   * @default false
   */
  readonly allowUnlisted?: boolean
  /**
   * Seconds that a decision, or all decisions of a list together, may take.
   *
   * @default 5
   */
  readonly timeout?: number
  /** The server as policies know it; the protected resource by default. Needed where nothing in front sets one. */
  readonly server?: string
}

export const policyTypes: OptionTypes<PolicyOptions> = {
  refusals: optional(oneOf('unknown', 'error', 'result')),
  labels: optional(labelsType),
  trustAnnotations: optional(flag),
  allowUnlisted: optional(flag),
  timeout: optional(positive),
  server: optional(filledText),
}

/**
 * Puts a policy in front of a server: it is asked about each request, and by the same question about each part that the server
 * lists, in JSON and in event streams of both eras, so that a caller sees what he can use and nothing else. A tool for which
 * nothing but scopes is missing is listed, and answers with the challenge that names them. It stands behind `bearerAuth` and
 * `message`, last of all middleware: what it decides on is what the server gets.
 *
 * It does not look at arguments unless the policy needs them, nor at what a tool or resource answers with.
 *
 * Answers 403 with all scopes of the operation where only these are missing, 503 where no decision could be had, and otherwise
 * 200 with a JSON-RPC error. Throws a GatewayError `invalid_configuration` when a request comes that did not pass `message`, or
 * for which no server is known.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @see MCP R3, R4; RFC 6750 section 3.1
 * @example
 * ```ts
 * const rules = toolSets({ reading: { requiredRole: 'mcp-viewer', tools: ['read_*'] } })
 * const guarded = compose(
 *   [bearerAuth({ verifier, resource }), message(), policy(rules)],
 *   proxy('http://notes.internal:3000/mcp'),
 * )
 * ```
 */
export function policy(rules: Policy, options: PolicyOptions = {}): Middleware {
  callable(rules, 'The policy of policy')
  checkOptions('policy', options, policyTypes)
  const { refusals: form = 'unknown', trustAnnotations = false, allowUnlisted = false, timeout = 5 } = options
  const labelsOf = compileLabels(options.labels)
  const parts = new ListedParts(new Catalogue())
  const kept = new KeptLists(maxKept)
  const usesCatalogue = trustAnnotations || !allowUnlisted

  const askerOf = (context: Context): Asker => {
    const server = options.server ?? context.resource
    if (server === undefined) {
      throw invalidConfiguration('policy must stand behind bearerAuth, or be told its server')
    }
    const { auth, logger } = context
    const subject = policySubject(auth)
    return { rules, subject, env: policyEnv(context), server, labelsOf, trustAnnotations, timeout, logger }
  }

  return async (request, context, next) => {
    const { message, record } = context
    if (message === undefined) {
      if (request.method === 'POST') throw invalidConfiguration('policy must stand behind message')
      return request.method === 'GET' ? listen(request, context, next) : next(request, context)
    }
    if (message.kind === 'response') return next(request, context)
    const operation = operationOf(message)
    if (operation === 'free') return next(request, context)
    if ('why' in operation)
      return refuse(context, message, denied(operation.why), { operation: undefined, form: 'error' })
    const asker = askerOf(context)
    const { item } = operation
    const isListed = usesCatalogue && (item?.kind === 'tool' || item?.kind === 'prompt')
    if (!isListed) {
      const decision = await decideOn(asker, operation, message, undefined)
      recordDecision(record, decision)
      if (!decision.allow) return refuse(context, message, decision, { operation, form })
      if (message.method === 'resources/read') return read(asker, operation, { request, context, next })
      return next(request, forAnswer(asker, request, context, message))
    }
    const listed = parts.of(item.kind, asker, { request, context, next })
    let listing = await listed.get()
    let decision = await decideOn(asker, operation, message, listing?.items.get(item.name))
    if (!decision.allow || (listing !== undefined && !listing.items.has(item.name))) {
      // What is not allowed and what is not there take the same way, and so the same time
      const before = listing
      listing = await listed.newest()
      if (trustAnnotations && listing !== before) {
        decision = await decideOn(asker, operation, message, listing?.items.get(item.name))
      }
    }
    recordDecision(record, decision)
    if (!decision.allow) return refuse(context, message, decision, { operation, form })
    if (!allowUnlisted && listing !== undefined && !listing.items.has(item.name)) {
      return notListed(context, message, operation)
    }
    return next(request, forAnswer(asker, request, context, message))
  }

  /** A stream of the legacy era belongs to a session, which began with this. */
  async function listen(request: Request, context: Context, next: Handler): Promise<Response> {
    const asker = askerOf(context)
    const input = inputOf(asker, { action: 'initialize', kind: 'server' }, undefined)
    const decision = await decide(rules, input, asker)
    if (!decision.allow) {
      const { reason } = decision
      recordRefusal(context.record, { by: 'policy', code: 'policy', reason })
      return jsonRpcError({ status: 405, message: 'There is no stream here for this caller' }, { Allow: 'POST' })
    }
    const session = request.headers.get('mcp-session-id')
    const filter = filterAnswer({ asker, asked: undefined, session, parts, kept })
    return next(request, { ...context, transforms: [...(context.transforms ?? []), filter] })
  }

  /** The answer of a server that does not know the resource is replaced as a whole, with its headers. */
  async function read(asker: Asker, operation: Operation, { request, context, next }: Behind): Promise<Response> {
    const message = context.message as Message
    const seen = { isUnknown: false, isOver: false }
    const onRead = (isUnknown: boolean) => {
      seen.isUnknown ||= isUnknown && !seen.isOver
      seen.isOver = true
    }
    const filter = filterAnswer({ asker, asked: message, session: null, parts, kept, onRead })
    const response = await next(request, { ...context, transforms: [...(context.transforms ?? []), filter] })
    if (message.kind !== 'request') return response
    const { isOver, answer } = await afterFirstMessage(response, () => seen.isOver)
    if (!isOver || !seen.isUnknown) return answer
    await answer.body?.cancel()
    return unknownAnswer(message, operation) as Response
  }

  /** With what filters the answer, where there is something to filter. */
  function forAnswer(asker: Asker, { headers }: Request, context: Context, message: Message): Context {
    if (!isFiltered(message)) return context
    const filter = filterAnswer({ asker, asked: message, session: headers.get('mcp-session-id'), parts, kept })
    return { ...context, transforms: [...(context.transforms ?? []), filter] }
  }

  function notListed(context: Context, message: Message, operation: Operation): Response {
    const reason = 'The server does not list it'
    recordRefusal(context.record, { by: 'policy', code: 'not_listed', reason })
    if (message.kind !== 'request') return accepted()
    return unknownAnswer(message, operation) as Response
  }
}

/** Bytes of lists that a policy keeps filtered. */
const maxKept = 16_777_216

/** Waits until the first message of an answer has been seen, in an event stream too, and gives the whole answer back. */
async function afterFirstMessage(
  response: Response,
  isSeen: () => boolean,
): Promise<{ readonly isOver: boolean; readonly answer: Response }> {
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  if (!isStream || response.body === null || isSeen()) return { isOver: isSeen(), answer: response }
  const reader = response.body.getReader()
  const chunks: Uint8Array[] = []
  while (!isSeen()) {
    const { done, value } = await reader.read()
    if (done) break
    chunks.push(value)
  }
  const rest = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks.shift()
      const { done, value } = chunk === undefined ? await reader.read() : { done: false, value: chunk }
      if (done) controller.close()
      else controller.enqueue(value as Uint8Array)
    },
    cancel: (reason) => reader.cancel(reason),
  })
  const { status, statusText, headers } = response
  return { isOver: isSeen(), answer: new Response(rest, { status, statusText, headers }) }
}

/** Methods whose answers name parts of the server, or may be kept for others. */
const filtered: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'tasks/list',
  'completion/complete',
  'subscriptions/listen',
])

function isFiltered({ method = '', kind, era }: Message): boolean {
  if (kind !== 'request') return false
  return filtered.has(method) || (era === 'modern' && method === 'server/discover')
}

/** Asks all questions of an operation; all must be allowed. */
async function decideOn(
  asker: Asker,
  { questions }: Operation,
  message: Message,
  listed: CatalogueItem | undefined,
): Promise<Decision> {
  const args = asker.rules.needsArguments === true ? argumentsOf(message) : undefined
  const inputs = questions.map((question) => {
    const input = inputOf(asker, question, listed)
    return args === undefined ? input : { ...input, arguments: args }
  })
  const decisions = decideAll(asker.rules, inputs, asker)
  return (isPromise(decisions) ? await decisions : decisions).reduce(bothOf)
}

function argumentsOf(message: Message): Readonly<Record<string, unknown>> {
  const args = message.json().params?.arguments
  return isObject(args) ? args : {}
}
