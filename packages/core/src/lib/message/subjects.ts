import { foldName, isIllFormed } from '../json/fold-name.js'
import { isObject } from '../json/is-object.js'
import { clientMethods, mirroredMethods, subjectParameters } from '../protocol/methods.js'

const folded: ReadonlyMap<string, string> = new Map([...clientMethods].map((method) => [foldName(method), method]))

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
  const parameter = subjectParameters.get(method)
  if (parameter === undefined) return undefined
  return {
    isMirrored: mirroredMethods.has(method),
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
  return clientMethods.has(method) ? undefined : folded.get(foldName(method))
}

/**
 * The names that a request is about: one tool, prompt, resource or task, or the resources that a `subscriptions/listen`
 * wants to hear of; empty for methods without one.
 *
 * @returns what is wrong instead, where they are not told as the protocol says
 */
export function subjectsOf(method: string, params: Readonly<Record<string, unknown>> = {}): readonly string[] | Wrong {
  const parameter = subjectParameters.get(method)
  if (parameter === undefined) return none
  if (parameter === 'ref') return refSubject(params.ref)
  if (parameter === 'notifications') return listenSubjects(params.notifications)
  return one(params[parameter], 'params', parameter)
}

/** What a request is about, where that is one thing. It has not been checked as by {@link subjectsOf}. */
export function subjectOf(method: string, params: Readonly<Record<string, unknown>> = {}): string | undefined {
  const parameter = subjectParameters.get(method)
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
