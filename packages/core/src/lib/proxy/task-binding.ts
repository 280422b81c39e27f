import type { Context } from '../contract/handler.js'
import type { Message, MessageTransform } from '../contract/message.js'
import type { Storage } from '../contract/storage.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { isObject } from '../json/is-object.js'
import { member, type Span } from '../json/json-scan.js'
import { parseSpan } from '../json/raw-json.js'
import { splice } from '../json/splice.js'
import { messageParts } from '../message/message-parts.js'
import { parseMessage } from '../message/parse-message.js'
import { errorCodes } from '../protocol/error-codes.js'
import { metaKeys } from '../protocol/meta-keys.js'
import { announcedTask, namedTasks, noSuchTask, ownTasksOnly, taskOfNotification } from '../tasks/task-messages.js'
import { TaskOwners } from '../tasks/task-owners.js'
import { sha256Hex } from '../text/sha256.js'
import { isSameOwner, type Owner, ownerOf } from '../tokens/owner.js'
import { CursorSeal } from './cursor-seal.js'
import type { Upstream } from './upstreams.js'

/** Seconds that a storage remembers whose a task is. */
const lifetime = 604_800
/** Tasks of one page of a list that are looked for in the storage. */
const maxListed = 1000

/** What a request may do as far as tasks go, and what is to be done with its answer. */
export interface TaskPermit {
  /** With the server's own cursor. */
  readonly context: Context
  /** The upstreams that may have it. */
  readonly upstreams: readonly Upstream[]
  /** Looks at what the upstream that had it says. */
  readonly transform?: (upstream: Upstream) => MessageTransform
}

/** Where it is kept whose a task is. */
export interface TaskBindingOptions {
  /** Makes cursors that every replica opens. */
  readonly secret: string | undefined
  /** Shared by the replicas. */
  readonly storage: Storage | undefined
}

/** A `tasks/list`, and the upstreams that may have it. */
interface ListRequest {
  readonly context: Context
  readonly message: Message
  readonly params: Span | undefined
  readonly owner: Owner
  readonly upstreams: readonly Upstream[]
}

/**
 * Keeps the tasks of an upstream apart by user, where it cannot do that itself since all users reach it with one credential:
 * a task is the user's in whose answer it was announced (revision 2025-11-25, and the extension
 * `io.modelcontextprotocol/tasks`). For others it does not exist. It binds nothing where requests come without a token:
 * such callers cannot be told apart, but they do not reach a user's tasks either.
 */
export class TaskBinding {
  readonly #tasks: TaskOwners<Upstream> = new TaskOwners()
  readonly #cursors: CursorSeal
  readonly #storage: Storage | undefined

  constructor({ secret, storage }: TaskBindingOptions) {
    this.#cursors = new CursorSeal(secret)
    this.#storage = storage
  }

  /** Whether a request has to do with tasks at all. */
  concerns(request: Request, { auth, message }: Context): boolean {
    // Another replica may have stored tasks of users that are not known here yet
    if (auth === undefined && this.#tasks.size === 0 && this.#storage === undefined) return false
    if (message === undefined) return request.method === 'GET'
    return (
      aboutTasks.test(message.method ?? '') ||
      (message.kind !== 'response' && (mayBegin(message) || isRelated(message)))
    )
  }

  /** Resolves with the answer to a request that is about what is not its user's. */
  async permit(context: Context, upstreams: readonly Upstream[]): Promise<TaskPermit | Response> {
    const { message } = context
    const owner = ownerOf(context)
    if (message === undefined) return { context, upstreams, transform: (upstream) => this.#heard(owner, upstream) }
    const method = message.method ?? ''
    const parts = messageParts(message.bytes)
    const params = 'why' in parts ? undefined : parts.params
    const { taskIds, isUnclear } = namedTasks(message.bytes, method, params)
    if (isUnclear) return refused(message, noSuchTask)
    let able = upstreams
    for (const taskId of taskIds) {
      const found = await Promise.all(able.map((upstream) => this.#mayName(owner, upstream, taskId)))
      able = able.filter((_, index) => found[index])
      if (able.length === 0) return refused(message, noSuchTask)
    }
    if (method === 'tasks/list') return this.#list({ context, message, params, owner, upstreams: able })
    if (/^subscriptions\/listen$/i.test(method)) {
      return { context, upstreams: able, transform: (upstream) => this.#heard(owner, upstream) }
    }
    const begins = context.auth !== undefined && mayBegin(message)
    return { context, upstreams: able, ...(begins ? { transform: (one) => this.#begun(context, owner, one) } : {}) }
  }

  async #list({ context, message, params, owner, upstreams }: ListRequest): Promise<TaskPermit | Response> {
    const { bytes } = message
    const span = member(bytes, params, 'cursor')
    const newest = this.#tasks.serverOf(owner, undefined, (one) => upstreams.includes(one))
    const inOrder = newest === undefined ? upstreams : [newest, ...upstreams.filter((one) => one !== newest)]
    const transform = (upstream: Upstream) => this.#listed(context, owner, upstream)
    if (span === undefined) return { context, upstreams: inOrder, transform }
    const sealed = parseSpan(bytes, span)
    const cursor = typeof sealed === 'string' ? await this.#cursors.open(sealed, owner.principal, context) : undefined
    // A cursor is of one server's list
    const [tag, own] =
      cursor === undefined ? [] : [cursor.slice(0, cursor.indexOf(' ')), cursor.slice(cursor.indexOf(' ') + 1)]
    const its = upstreams.filter((upstream) => upstream.tag === tag)
    if (own === undefined || its.length === 0) return refused(message, noSuchCursor)
    const edit = { ...span, bytes: new TextEncoder().encode(JSON.stringify(own)) }
    const edited = splice(bytes, [edit], (length) => new Uint8Array(length))
    const opened = parseMessage(edited, { protocolVersion: message.protocolVersion })
    return { context: { ...context, message: opened }, upstreams: its, transform }
  }

  /** Remembers the task that the answer to a user's own request announces, or its progress before that. */
  #begun({ logger }: Context, owner: Owner, upstream: Upstream): MessageTransform {
    return async (message) => {
      const { bytes, kind, method } = message
      const parts = messageParts(bytes)
      if ('why' in parts) return message
      const told = method === 'notifications/progress' ? taskOfNotification(bytes, method, parts.params) : undefined
      const taskId = kind === 'response' ? announcedTask(bytes, parts.result) : told
      if (typeof taskId !== 'string') return message
      this.#tasks.add({ server: upstream, taskId, owner })
      const value = JSON.stringify(owner)
      await this.#storage?.add(await keyOf(upstream, taskId), value, { ttl: lifetime }).catch((error) => {
        logger?.error({ error }, 'whose a task is could not be stored; other replicas do not know it')
      })
      return message
    }
  }

  /** Takes the tasks of others out of a list. */
  #listed(context: Context, owner: Owner, upstream: Upstream): MessageTransform {
    return async (message) => {
      const { bytes } = message
      const parts = message.kind === 'response' ? messageParts(bytes) : notOne
      if ('why' in parts || parts.result === undefined) return message
      const { result } = parts
      const { tasks, nextCursor } = (parseSpan(bytes, result) ?? {}) as { tasks?: unknown; nextCursor?: unknown }
      const own = new Set<string>()
      for (const task of Array.isArray(tasks) ? tasks.slice(0, maxListed) : []) {
        const taskId = isObject(task) ? task.taskId : undefined
        if (typeof taskId === 'string' && (await this.#mayName(owner, upstream, taskId))) own.add(taskId)
      }
      const sealed =
        typeof nextCursor === 'string'
          ? await this.#cursors.seal(`${upstream.tag} ${nextCursor}`, owner.principal, context)
          : ''
      const filtered = ownTasksOnly(
        bytes,
        result,
        (taskId) => own.has(taskId),
        () => sealed,
      )
      return parseMessage(splice(bytes, [{ ...result, bytes: filtered }], (length) => new Uint8Array(length)))
    }
  }

  /** Holds back what is said of the tasks of others. */
  #heard(owner: Owner, upstream: Upstream): MessageTransform {
    return async (message) => {
      const { bytes, kind, method = '' } = message
      const parts = kind === 'response' ? notOne : messageParts(bytes)
      const taskId = 'why' in parts ? undefined : taskOfNotification(bytes, method, parts.params)
      if (taskId === undefined) return message
      return taskId !== null && (await this.#mayName(owner, upstream, taskId)) ? message : undefined
    }
  }

  async #mayName(owner: Owner, upstream: Upstream, taskId: string): Promise<boolean> {
    const found = this.#tasks.get(upstream, taskId)?.owner ?? (await this.#stored(upstream, taskId))
    return found === undefined ? owner.principal === '' : isSameOwner(found, owner)
  }

  async #stored(upstream: Upstream, taskId: string): Promise<Owner | undefined> {
    const entry = await this.#storage?.get(await keyOf(upstream, taskId))
    if (entry === undefined) return undefined
    const owner = JSON.parse(entry.value) as Owner
    this.#tasks.add({ server: upstream, taskId, owner })
    return owner
  }
}

const aboutTasks = /^(?:(?:notifications\/)?tasks(?:\/|$)|subscriptions\/listen$)/i
const notOne = { why: 'no such message' } as const
const noSuchCursor = 'This cursor is not of this list; ask for its first page'

/** Whether the answer to a request may announce a task: its client asked for one, or declared that it takes them. */
function mayBegin(message: Message): boolean {
  if (message.kind !== 'request') return false
  const { params } = message.json()
  if (params?.task !== undefined) return true
  const meta = isObject(params?._meta) ? params._meta : {}
  const capabilities = meta[metaKeys.clientCapabilities]
  return capabilities !== undefined && JSON.stringify(capabilities).includes('tasks')
}

function isRelated(message: Message): boolean {
  const meta = message.json().params?._meta
  return isObject(meta) && meta[metaKeys.relatedTask] !== undefined
}

function refused({ kind, id }: Message, message: string): Response {
  // Whoever sends a notification hears nothing of it (JSON-RPC 2.0 section 4.1)
  if (kind !== 'request') return new Response(null, { status: 202 })
  return jsonRpcError({ status: 200, code: errorCodes.invalidParams, message, id })
}

async function keyOf({ tag }: Upstream, taskId: string): Promise<string> {
  return `proxy-task:${await sha256Hex(JSON.stringify([tag, taskId]))}`
}
