import { foldName, isIllFormed } from '../json/fold-name.js'

/** Which parameter says what a request is about. */
type SubjectParameter = 'name' | 'uri' | 'taskId' | 'ref' | 'notifications'

const parameters: ReadonlyMap<string, SubjectParameter> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['resources/subscribe', 'uri'],
  ['resources/unsubscribe', 'uri'],
  ['completion/complete', 'ref'],
  ['subscriptions/listen', 'notifications'],
  ['tasks/get', 'taskId'],
  ['tasks/result', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
])

/** Methods whose subject a client repeats in `Mcp-Name` (MCP M8). */
const mirrored: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
])

/** The other methods that clients send, in all revisions. */
const others: readonly string[] = [
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'tasks/list',
  'logging/setLevel',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
  'notifications/tasks/status',
]

const known: ReadonlySet<string> = new Set([...parameters.keys(), ...others])
const folded: ReadonlyMap<string, string> = new Map([...known].map((method) => [foldName(method), method]))

/** Where a method says what it is about. */
export interface MethodSubject {
  /** Whether that is also in the header `Mcp-Name` of a modern request, so that it is known without the body. */
  readonly isMirrored: boolean
  /** Whether it is one or more URIs of resources. */
  readonly isUri: boolean
  /** Whether each request of this method has one; `subscriptions/listen` may be about lists alone. */
  readonly isRequired: boolean
}

/**
 * Tells where a method of the protocol says what it is about: a tool, a prompt, a resource, a task.
 *
 * @returns `undefined` for methods that are about nothing that has a name, and for methods of others
 */
export function methodSubject(method: string): MethodSubject | undefined {
  const parameter = parameters.get(method)
  if (parameter === undefined) return undefined
  return {
    isMirrored: mirrored.has(method),
    isUri: parameter === 'uri' || parameter === 'notifications',
    isRequired: parameter !== 'notifications',
  }
}

/**
 * The method of the protocol that some servers take this one for, since they ignore case or end texts at a NUL.
 *
 * @returns `undefined` where it is spelt right, or is like none
 */
export function similarMethod(method: string): string | undefined {
  return known.has(method) ? undefined : folded.get(foldName(method))
}

/**
 * The names that a request is about: one tool, prompt, resource or task, or the resources that a `subscriptions/listen`
 * wants to hear of; empty for methods without one.
 *
 * @returns what is wrong instead, where they are not told as the protocol says
 */
export function subjectsOf(method: string, params: Readonly<Record<string, unknown>> = {}): readonly string[] | Wrong {
  const parameter = parameters.get(method)
  if (parameter === undefined) return none
  if (parameter === 'ref') return refSubject(params.ref)
  if (parameter === 'notifications') return listenSubjects(params.notifications)
  return one(params[parameter], 'params', parameter)
}

/** What a request is about, where that is one thing. It has not been checked as by {@link subjectsOf}. */
export function subjectOf(method: string, params: Readonly<Record<string, unknown>> = {}): string | undefined {
  const parameter = parameters.get(method)
  if (parameter === undefined || parameter === 'notifications') return undefined
  const ref = parameter === 'ref' ? refSubject(params.ref) : undefined
  const value = ref === undefined ? params[parameter] : 'why' in ref ? undefined : ref[0]
  return typeof value === 'string' ? value : undefined
}

/** Why the subject of a request cannot be told. */
export interface Wrong {
  readonly why: string
}

const none: readonly string[] = []

function one(value: unknown, place: string, member: string | number): readonly string[] | Wrong {
  if (typeof value !== 'string') return { why: `"${place}.${member}" must be a string` }
  // Some servers read a name up to its first NUL, and decoders replace half of a surrogate pair
  if (value.includes('\0') || isIllFormed(value)) {
    return { why: `"${place}.${member}" must be well-formed Unicode without NUL` }
  }
  return [value]
}

function refSubject(ref: unknown): readonly string[] | Wrong {
  if (!isObject(ref)) return { why: '"params.ref" must be an object' }
  const { type, name, uri } = ref
  if (type !== 'ref/prompt' && type !== 'ref/resource') {
    return { why: '"params.ref.type" must be "ref/prompt" or "ref/resource"' }
  }
  const [value, other, place, surplus] = type === 'ref/prompt' ? [name, uri, 'name', 'uri'] : [uri, name, 'uri', 'name']
  if (other !== undefined && other !== null) return { why: `"params.ref" of type ${type} must not have "${surplus}"` }
  return one(value, 'params.ref', place)
}

function listenSubjects(notifications: unknown): readonly string[] | Wrong {
  if (notifications === undefined) return none
  if (!isObject(notifications)) return { why: '"params.notifications" must be an object' }
  const uris = notifications.resourceSubscriptions
  const place = 'params.notifications.resourceSubscriptions'
  if (uris === undefined) return none
  if (!Array.isArray(uris)) return { why: `"${place}" must be a list of strings` }
  for (const [index, uri] of uris.entries()) {
    const checked = one(uri, place, index)
    if ('why' in checked) return checked
  }
  return uris
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
