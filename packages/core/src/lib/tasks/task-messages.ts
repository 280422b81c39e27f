import { member, type Span, scanArray, scanObject } from '../json/json-scan.js'
import { at, parseSpan, rawJson } from '../json/raw-json.js'
import { metaKeys } from '../protocol/meta-keys.js'

/** The answer about a task that is not the caller's, or not at all. */
export const noSuchTask = 'There is no such task'

/** The tasks that a client's message is about. */
export interface NamedTasks {
  readonly taskIds: readonly string[]
  /** Whether the message is about a task that it does not name as the protocol does. */
  readonly isUnclear: boolean
}

const none: NamedTasks = { taskIds: [], isUnclear: false }
const unclear: NamedTasks = { taskIds: [], isUnclear: true }

/**
 * The task that a result announces: as the extension writes it (`resultType` is `task`) or as revision 2025-11-25 does (a
 * member `task`). However long the result is, only the names of its members are looked at.
 *
 * @param result where the `result` object is
 */
export function announcedTask(bytes: Uint8Array, result: Span | undefined): string | undefined {
  if (result === undefined || bytes[result.start] !== 0x7b) return undefined
  let type: Span | undefined
  let id: Span | undefined
  let task: Span | undefined
  scanObject(bytes, result.start, (key, value) => {
    if (key === 'resultType') type = value
    else if (key === 'taskId') id = value
    else if (key === 'task') task = value
  })
  const isTask = type !== undefined && parseSpan(bytes, type) === 'task'
  return (isTask ? textAt(bytes, id) : undefined) ?? textAt(bytes, member(bytes, task, 'taskId'))
}

/**
 * The tasks that a request or notification of a client is about; `tasks/list` names none.
 *
 * @param meta where `params._meta` is, if that is known already
 */
export function namedTasks(
  bytes: Uint8Array,
  method: string,
  params: Span | undefined,
  meta: Span | undefined = member(bytes, params, '_meta'),
): NamedTasks {
  const related = member(bytes, meta, metaKeys.relatedTask)
  const own = tasksOf(bytes, method, params)
  if (related === undefined) return own
  const taskId = textAt(bytes, member(bytes, related, 'taskId'))
  if (taskId === undefined) return unclear
  return { taskIds: [...own.taskIds, taskId], isUnclear: own.isUnclear }
}

function tasksOf(bytes: Uint8Array, method: string, params: Span | undefined): NamedTasks {
  // Some servers find a method whatever its case
  const name = method.toLowerCase()
  if (name === 'subscriptions/listen') return listenedTasks(bytes, params)
  if (method === 'tasks/list' || !/^(?:notifications\/)?tasks(?:\/|$)/.test(name)) return none
  const taskId = textAt(bytes, member(bytes, params, 'taskId'))
  return taskId === undefined ? unclear : { taskIds: [taskId], isUnclear: false }
}

/** The extension lets a client name in `subscriptions/listen` the tasks that it wants to hear of. */
function listenedTasks(bytes: Uint8Array, params: Span | undefined): NamedTasks {
  const span = member(bytes, member(bytes, params, 'notifications'), 'taskIds')
  if (span === undefined) return none
  const taskIds = parseSpan(bytes, span)
  if (!Array.isArray(taskIds) || !taskIds.every((one) => typeof one === 'string')) return unclear
  return { taskIds, isUnclear: false }
}

/** The task that a notification of a server is about: `undefined` for none, `null` where it does not say which. */
export function taskOfNotification(
  bytes: Uint8Array,
  method: string,
  params: Span | undefined,
): string | null | undefined {
  const related = member(bytes, member(bytes, params, '_meta'), metaKeys.relatedTask)
  if (related !== undefined) return textAt(bytes, member(bytes, related, 'taskId')) ?? null
  if (!/^notifications\/tasks(?:\/|$)/.test(method)) return undefined
  const id = member(bytes, params, 'taskId') ?? member(bytes, member(bytes, params, 'task'), 'taskId')
  return textAt(bytes, id) ?? null
}

/** Members of an answer to `tasks/list` that say nothing of a task. */
const kept: ReadonlySet<string> = new Set(['resultType', 'ttlMs', 'cacheScope', '_meta'])

/**
 * The result of `tasks/list` with those tasks alone that are the caller's own.
 *
 * @param seal makes of a cursor, which may be the id of somebody's task, one that says nothing
 */
export function ownTasksOnly(
  bytes: Uint8Array,
  result: Span,
  isOwn: (taskId: string) => boolean,
  seal: (cursor: string) => string,
): Uint8Array {
  const members: (string | Uint8Array)[] = []
  let tasks: Uint8Array[] = []
  if (bytes[result.start] === 0x7b) {
    scanObject(bytes, result.start, (key, value) => {
      if (key === 'tasks') tasks = ownTasks(bytes, value, isOwn)
      else if (key === 'nextCursor') {
        const cursor = textAt(bytes, value)
        if (cursor !== undefined) members.push(`,"nextCursor":${JSON.stringify(seal(cursor))}`)
      } else if (kept.has(key)) members.push(`,"${key}":`, at(bytes, value))
    })
  }
  return rawJson(
    '{"tasks":[',
    ...tasks.flatMap((task, index) => (index === 0 ? [task] : [',', task])),
    ']',
    ...members,
    '}',
  )
}

function ownTasks(bytes: Uint8Array, list: Span, isOwn: (taskId: string) => boolean): Uint8Array[] {
  const own: Uint8Array[] = []
  if (bytes[list.start] !== 0x5b) return own
  scanArray(bytes, list.start, (task) => {
    const taskId = textAt(bytes, member(bytes, task, 'taskId'))
    if (taskId !== undefined && isOwn(taskId)) own.push(at(bytes, task))
  })
  return own
}

function textAt(bytes: Uint8Array, span: Span | undefined): string | undefined {
  const value = span === undefined || bytes[span.start] !== 0x22 ? undefined : parseSpan(bytes, span)
  return typeof value === 'string' ? value : undefined
}
