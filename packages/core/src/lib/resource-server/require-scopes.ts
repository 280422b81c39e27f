import type { Middleware } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { Message } from '../contract/message.js'
import {
  checkOptions,
  type OptionType,
  type OptionTypes,
  optional,
  recordOf,
  textList,
} from '../contract/option-types.js'
import { recordRefusal } from '../contract/request-record.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { methodSubject, similarMethod, subjectsOf } from '../message/subjects.js'
import { plainUri } from './plain-uri.js'
import { coversScopes, type ScopeHierarchy } from './scopes.js'

/** The scopes of one method: of all of it, or by what it is about. */
type Rule = readonly string[] | Readonly<Record<string, readonly string[]>>

/** What `requireScopes` needs to know. */
export interface RequireScopesOptions {
  /**
   * The scopes of each MCP method, either for all of it or by what it is about; `*` stands for what is not listed. What is
   * not listed at all needs no scope of its own. Names can be given for `tools/call` and `prompts/get` (the tool or
   * prompt), `resources/read`, `resources/subscribe`, `resources/unsubscribe` and `subscriptions/listen` (the URI),
   * `completion/complete` (the prompt, or the URI template) and `tasks/get`, `tasks/result`, `tasks/update` and
   * `tasks/cancel` (the task id). To hear of changes of a resource, `resources/subscribe` and `subscriptions/listen` are
   * one operation: what either asks for is needed by both, for each URI. URIs are compared as a server may read them that
   * parses them, so another spelling of a listed one needs its scopes too.
   */
  readonly operations: Readonly<Record<string, Rule>>
  /** Which scopes include which others. */
  readonly scopeHierarchy?: ScopeHierarchy
}

/**
 * Asks for the scopes of single operations: the 403 names all of the operation's scopes and of the server's at once, so
 * that one step-up is enough. It stands behind `bearerAuth` and `message`, and hides nothing from lists. A request that
 * does not tell what it is about, though its method has to, is refused.
 *
 * Throws a GatewayError `invalid_configuration` when a request comes that did not pass both of them.
 *
 * @throws {GatewayError} `invalid_configuration` at construction, for a rule that could not be enforced: by name for a
 *   method whose requests name nothing, or for a method of the protocol in another spelling
 * @see RFC 6750 section 3.1; MCP authorization, step-up
 * @example
 * ```ts
 * const stepUp: Middleware = requireScopes({
 *   operations: { 'tools/call': { delete_note: ['notes:write'], '*': ['notes:read'] } },
 * })
 * ```
 */
export function requireScopes(options: RequireScopesOptions): Middleware {
  checkOptions('requireScopes', options, types)
  const { operations, scopeHierarchy } = options
  const rules = readRules(operations)
  return (request, context, next) => {
    const { auth, message, refuse, requiredScopes = [] } = context
    if (auth === undefined || refuse === undefined || (message === undefined && request.method === 'POST')) {
      throw invalidConfiguration('requireScopes must stand behind bearerAuth and message')
    }
    const needed = message === undefined ? [] : scopesOf(message, rules)
    if (needed === undefined) {
      const why = 'The request does not tell what it is about, so it cannot be allowed'
      recordRefusal(context.record, { by: 'requireScopes', code: 'subject_unclear', reason: why })
      return jsonRpcError({ status: 403, message: why, id: message?.kind === 'request' ? message.id : null })
    }
    if (coversScopes(auth.scopes, needed, scopeHierarchy)) return next(request, context)
    const reason = `needs ${needed.join(' ')}`
    recordRefusal(context.record, { by: 'requireScopes', code: 'insufficient_scope', reason, scopes: needed })
    return refuse({ error: 'insufficient_scope', scope: [...new Set([...requiredScopes, ...needed])] })
  }
}

const byNameType = recordOf(textList, 'a list of scopes, or lists of scopes by name')
const ruleType: OptionType = (value, name) => (Array.isArray(value) ? textList : byNameType)(value, name)

const types: OptionTypes<RequireScopesOptions> = {
  operations: recordOf(ruleType),
  scopeHierarchy: optional(recordOf(textList)),
}

/** The scopes for something by its name; by nothing, for a request that names nothing. */
type Needs = (name: string | undefined) => readonly string[]

function readRules(operations: RequireScopesOptions['operations']): ReadonlyMap<string, Needs> {
  const rules = new Map<string, Needs>()
  for (const [method, rule] of Object.entries(operations)) {
    const meant = similarMethod(method)
    if (meant !== undefined) throw invalidConfiguration(`operations: ${quote(method)} must be written ${quote(meant)}`)
    if (isList(rule)) {
      rules.set(method, () => rule)
      continue
    }
    const subject = methodSubject(method)
    const named = Object.keys(rule).find((name) => name !== '*')
    if (subject === undefined && named !== undefined) {
      const text = `operations: ${quote(method)} names nothing that ${quote(named)} could be; give it a list of scopes`
      throw invalidConfiguration(text)
    }
    rules.set(method, byName(rule, subject?.isUri === true || method === 'completion/complete'))
  }
  return rules
}

function byName(rule: Readonly<Record<string, readonly string[]>>, hasUris: boolean): Needs {
  const exact = new Map(Object.entries(rule).filter(([name]) => name !== '*'))
  const others = Object.hasOwn(rule, '*') ? (rule['*'] ?? []) : []
  if (!hasUris) return (name) => (name === undefined ? others : (exact.get(name) ?? others))
  const plain = new Map<string, string[]>()
  for (const [uri, scopes] of exact) plain.set(plainUri(uri), [...(plain.get(plainUri(uri)) ?? []), ...scopes])
  return (uri) => {
    if (uri === undefined) return others
    const written = exact.get(uri)
    const read = plain.get(plainUri(uri))
    return written === undefined && read === undefined ? others : [...(written ?? []), ...(read ?? [])]
  }
}

/** One operation, as each era writes it. */
const watching = ['resources/subscribe', 'subscriptions/listen']

/** @returns `undefined` where the message should name something and does not */
function scopesOf(message: Message, rules: ReadonlyMap<string, Needs>): readonly string[] | undefined {
  const { method } = message
  if (method === undefined) return []
  const subjects = subjectsOf(method, message.json().params)
  if ('why' in subjects || similarMethod(method) !== undefined) return undefined
  if (subjects.length === 0) return rules.get(method)?.(undefined) ?? []
  const methods = watching.includes(method) ? watching : [method]
  return methods.flatMap((one) => subjects.flatMap((subject) => rules.get(one)?.(subject) ?? []))
}

function isList(rule: Rule): rule is readonly string[] {
  return Array.isArray(rule)
}

function quote(text: string): string {
  return JSON.stringify(text)
}
