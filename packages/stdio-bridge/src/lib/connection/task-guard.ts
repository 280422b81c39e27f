import {
  announcedTask,
  type Edit,
  errorCodes,
  isSameOwner,
  member,
  type NamedTasks,
  namedTasks,
  type Owner,
  ownTasksOnly,
  parseSpan,
  type Span,
  skipSpace,
  type TaskOwners,
  taskOfNotification,
} from '@mcp-gateway/core/internal'
import type { ChildMessage } from '../wire/child-message.js'
import { splice } from '../wire/splice.js'
import type { Peer, Pending } from './peer.js'
import { SealedCursor } from './sealed-cursor.js'

/**
 * What a child's tasks need: `one` where one user alone has it, so that it is only to be known which child runs a task;
 * `several` where the child does not know whose its tasks are; none where the child is one session's own.
 */
export type TaskSharing = 'none' | 'one' | 'several'

/** Who hears a notification that is about a task. */
export type TaskHearer = { readonly peers: readonly Peer[] } | { readonly pending: Pending } | undefined

const noSuchTask = { code: errorCodes.invalidParams, message: 'There is no such task' }
const noSuchCursor = {
  code: errorCodes.invalidParams,
  message: 'This cursor is not of this list; ask for its first page',
}
const announcement = Buffer.from('"taskId"')
const relatedTask = Buffer.from('related-task"')

/** A request of a client, or its parts where it comes from another era. */
export interface GuardedRequest {
  /** What `params` and `meta` are parts of. */
  readonly bytes: Buffer
  readonly method: string
  readonly params: Span | undefined
  /** Where `params._meta` is. */
  readonly meta: Span | undefined
}

/**
 * Keeps the tasks of one child apart by user, for every transport and era: it is asked about each request before the
 * child gets it, and about each message of the child before a client does.
 */
export class TaskGuard {
  readonly #tasks: TaskOwners<object>
  readonly #server: object
  readonly #sharing: TaskSharing
  readonly #cursors: SealedCursor = new SealedCursor()

  /** @param server what the table knows the child by */
  constructor(tasks: TaskOwners<object>, server: object, sharing: TaskSharing) {
    this.#tasks = tasks
    this.#server = server
    this.#sharing = sharing
  }

  /** The `error` with which a request is refused, or what is to be changed in it. */
  admit(
    { bytes, method, params, meta }: GuardedRequest,
    owner: Owner,
  ): { readonly refused: Buffer } | { readonly edits: readonly Edit[] } {
    if (this.#sharing !== 'several') return untouched
    if (!this.#mayName(namedTasks(bytes, method, params, meta), owner)) return refusedTask
    const cursor = method === 'tasks/list' ? member(bytes, params, 'cursor') : undefined
    if (cursor === undefined) return untouched
    const sealed = parseSpan(bytes, cursor)
    const opened = typeof sealed === 'string' ? this.#cursors.open(sealed, owner.principal) : undefined
    if (opened === undefined) return refusedCursor
    return { edits: [{ ...cursor, bytes: Buffer.from(JSON.stringify(opened)) }] }
  }

  /** Whether a client's notification may reach the child. */
  admitsNotification(bytes: Buffer, owner: Owner): boolean {
    if (this.#sharing !== 'several') return true
    const whole = { start: skipSpace(bytes, 0), end: bytes.length }
    const method = parseSpan(bytes, member(bytes, whole, 'method'))
    return this.#mayName(namedTasks(bytes, String(method), member(bytes, whole, 'params')), owner)
  }

  /** Remembers the task that an answer announces, and takes the tasks of others out of a list. */
  answered({ method, owner, peer }: Pending, message: ChildMessage): ChildMessage {
    const { bytes, result } = message
    if (this.#sharing === 'none' || result === undefined) return message
    if (method === 'tasks/list')
      return this.#sharing === 'several' ? this.#ownOnly(message, result, owner, peer) : message
    if (!bytes.includes(announcement) || method.startsWith('tasks/')) return message
    const taskId = announcedTask(bytes, result)
    if (taskId !== undefined) this.#remember(taskId, owner, peer)
    return message
  }

  /** Whether the client of this request may hear a notification that names the request. */
  mayHear({ owner, peer }: Pending, { bytes, method = '', params }: ChildMessage): boolean {
    if (this.#sharing === 'none') return true
    const taskId = this.#taskOf(bytes, method, params)
    if (taskId === undefined) return true
    if (taskId === null) return this.#sharing === 'one'
    // In the course of its own request, a user hears first of a task that it has begun
    if (method === 'notifications/progress') this.#remember(taskId, owner, peer)
    return this.#sharing === 'one' || this.#tasks.owns(owner, this.#server, taskId)
  }

  /**
   * Who hears a notification that names no request: nobody (`undefined`) for a task of somebody who is not here. `pass`
   * for one that is about no task.
   */
  hearer(
    { bytes, method = '', params }: ChildMessage,
    peers: ReadonlySet<Peer>,
    pending: Iterable<Pending>,
  ): TaskHearer | 'pass' {
    if (this.#sharing !== 'several') return 'pass'
    const taskId = this.#taskOf(bytes, method, params)
    if (taskId === undefined) return 'pass'
    const task = taskId === null ? undefined : this.#tasks.get(this.#server, taskId)
    if (task === undefined) return undefined
    const { owner, session } = task
    const own = [...peers].filter((peer) => peer.owner !== undefined && isSameOwner(owner, peer.owner))
    const began = own.filter(({ id }) => id === session)
    // Of those without a token only the session that began it can be told from the others
    if (began.length > 0 || owner.principal === '') return { peers: began }
    if (own.length > 0) return { peers: own }
    // A translation stands for all its clients, which hear in the course of their calls
    const call = [...pending].findLast((one) => one.peer !== undefined && isSameOwner(owner, one.owner))
    return call && { pending: call }
  }

  #mayName({ taskIds, isUnclear }: NamedTasks, owner: Owner): boolean {
    return !isUnclear && taskIds.every((taskId) => this.#tasks.owns(owner, this.#server, taskId))
  }

  #taskOf(bytes: Buffer, method: string, params: Span | undefined): string | null | undefined {
    const mayBe = method.startsWith('notifications/tasks') || bytes.includes(relatedTask)
    return mayBe ? taskOfNotification(bytes, method, params) : undefined
  }

  #remember(taskId: string, owner: Owner, peer: Peer | undefined): void {
    this.#tasks.add({ server: this.#server, taskId, owner, ...(peer?.id === undefined ? {} : { session: peer.id }) })
  }

  #ownOnly(message: ChildMessage, result: Span, owner: Owner, peer: Peer | undefined): ChildMessage {
    const { bytes } = message
    const isOwn = (taskId: string) => {
      const task = this.#tasks.get(this.#server, taskId)
      if (task === undefined || !isSameOwner(task.owner, owner)) return false
      // MCP 2025-11-25, tasks: without tokens nobody can be told from anybody, and a list would show what all began
      return owner.principal !== '' || (peer?.id !== undefined && peer.id === task.session)
    }
    const own = Buffer.from(ownTasksOnly(bytes, result, isOwn, (cursor) => this.#cursors.seal(cursor, owner.principal)))
    const end = result.start + own.length
    return moved(message, splice(bytes, [{ ...result, bytes: own }]), { start: result.start, end })
  }
}

/** The same message with another result, so that what comes behind it has another place. */
function moved(message: ChildMessage, bytes: Buffer, result: Span): ChildMessage {
  const by = result.end - (message.result?.end ?? result.end)
  const { id, error } = message
  const shift = (span: Span | undefined) =>
    span === undefined || span.start < result.start ? span : { start: span.start + by, end: span.end + by }
  return { ...message, bytes, result, id: shift(id), error: shift(error) }
}

const untouched = { edits: [] }
const refusedTask = { refused: Buffer.from(JSON.stringify(noSuchTask)) }
const refusedCursor = { refused: Buffer.from(JSON.stringify(noSuchCursor)) }
