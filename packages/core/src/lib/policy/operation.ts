import type { Message } from '../contract/message.js'
import type { PolicyResource } from '../contract/policy.js'
import { isObject } from '../json/is-object.js'
import { subjectsOf } from '../message/subjects.js'
import { clientMethods } from '../protocol/methods.js'

/** One thing that is asked of a policy about a request. */
export interface Question {
  readonly action: string
  readonly kind: PolicyResource['kind']
  readonly name?: string
}

/** What a message does, in the terms of a policy. */
export interface Operation {
  /** All of them must be allowed. */
  readonly questions: readonly Question[]
  /** The one thing that the message is about, where it is one. */
  readonly item?: { readonly kind: Exclude<PolicyResource['kind'], 'server'>; readonly name: string }
}

/** Why a message cannot be decided on. */
export interface Unclear {
  readonly why: string
}

/** What is asked about each part that a list shows: whether it can be used. */
export const useOf: Readonly<Record<Exclude<PolicyResource['kind'], 'server'>, string>> = {
  tool: 'tools/call',
  prompt: 'prompts/get',
  resource: 'resources/read',
  template: 'resources/read',
  task: 'tasks/get',
}

/**
 * Tells what a client's message does. What is not the use of a part but belongs to it, such as completing the arguments of a
 * prompt or hearing of changes of a resource, is asked about as itself and as that use, so that what a list hides is hidden
 * there too.
 *
 * @returns `free` for what needs no decision: answers to the server, notifications of the protocol, `ping`
 */
export function operationOf(message: Message): Operation | Unclear | 'free' {
  const { method, kind, name } = message
  if (method === undefined || isFree(method, kind)) return 'free'
  switch (method) {
    case 'tools/call':
      return name === undefined ? unclear : use('tool', name)
    case 'prompts/get':
      return name === undefined ? unclear : use('prompt', name)
    case 'resources/read':
      return name === undefined ? unclear : use('resource', name)
    case 'tasks/get':
      return name === undefined ? unclear : use('task', name)
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return part(method, 'resource', name)
    case 'tasks/result':
    case 'tasks/update':
    case 'tasks/cancel':
      return part(method, 'task', name)
    case 'completion/complete': {
      const { ref } = message.json().params ?? {}
      if (isObject(ref) && ref.type === 'ref/prompt') return part(method, 'prompt', name)
      // It may be the URI of a resource instead of a template
      return part(method, name?.includes('{') ? 'template' : 'resource', name)
    }
    case 'subscriptions/listen':
      return listening(message)
    default:
      return { questions: [{ action: method, kind: 'server' }] }
  }
}

const unclear: Unclear = { why: 'The request does not tell what it is about, so it cannot be allowed' }

function isFree(method: string, kind: Message['kind']): boolean {
  if (method === 'ping') return true
  return kind === 'notification' && method.startsWith('notifications/') && clientMethods.has(method)
}

function use(kind: 'tool' | 'prompt' | 'resource' | 'task', name: string): Operation {
  return { questions: [{ action: useOf[kind], kind, name }], item: { kind, name } }
}

function part(
  action: string,
  kind: 'prompt' | 'resource' | 'template' | 'task',
  name: string | undefined,
): Operation | Unclear {
  if (name === undefined) return unclear
  return {
    questions: [
      { action: useOf[kind], kind, name },
      { action, kind, name },
    ],
    item: { kind, name },
  }
}

function listening(message: Message): Operation | Unclear {
  const { method = '' } = message
  const { params } = message.json()
  const uris = subjectsOf(method, params)
  if ('why' in uris) return unclear
  const notifications = isObject(params?.notifications) ? params.notifications : {}
  const taskIds = notifications.taskIds ?? []
  if (!Array.isArray(taskIds) || !taskIds.every((one) => typeof one === 'string')) return unclear
  const ask = (kind: 'resource' | 'task', name: string): Question[] => [
    { action: useOf[kind], kind, name },
    { action: method, kind, name },
  ]
  return {
    questions: [
      { action: method, kind: 'server' },
      ...uris.flatMap((uri) => ask('resource', uri)),
      ...taskIds.flatMap((taskId: string) => ask('task', taskId)),
    ],
  }
}
