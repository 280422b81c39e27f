import type { Message } from '@mcp-gateway/core'
import { parseSpan } from '@mcp-gateway/core/eras'
import type { PooledChild } from './pool.js'

/** A child that runs tasks. */
interface Runner {
  readonly connection: { readonly isOver: boolean }
}

interface Announced {
  readonly resultType?: unknown
  readonly taskId?: unknown
  readonly task?: { readonly taskId?: unknown }
}

/** Whose task it is, and which child runs it. */
export interface TaskOwner<Child extends Runner = PooledChild> {
  readonly principal: string
  readonly child: Child
}

/** What a `tasks/*` request must not be told of a child that serves several users. */
export type TaskRefusal = 'no such task' | 'no list'

const maxTasks = 10_000
/** What announces a task is small; a larger answer is a result. */
const maxBytes = 16_384

/**
 * Which child of a pool runs which task (extension `io.modelcontextprotocol/tasks`): what is asked of a task later must
 * go there, and only its own user may ask.
 */
export class TaskOwners<Child extends Runner = PooledChild> {
  readonly #owners: Map<string, TaskOwner<Child>> = new Map()

  /** Looks whether an answer announces a task. */
  see(answer: Buffer, owner: TaskOwner<Child>): void {
    if (answer.length > maxBytes || !answer.includes('"taskId"')) return
    // It may be a part of a large message, which has not been parsed
    const { result } = (parseSpan(answer, { start: 0, end: answer.length }) ?? {}) as { result?: Announced }
    // As the extension writes it, and as revision 2025-11-25 did
    const taskId = result?.resultType === 'task' ? result.taskId : result?.task?.taskId
    if (typeof taskId !== 'string') return
    this.#owners.set(taskId, owner)
    if (this.#owners.size <= maxTasks) return
    const [oldest] = this.#owners.keys()
    if (oldest !== undefined) this.#owners.delete(oldest)
  }

  of(taskId: string): TaskOwner<Child> | undefined {
    return this.#owners.get(taskId)
  }

  /**
   * Where a `tasks/*` request goes: to the child that runs the task, to any (`undefined`), or nowhere. A child that
   * serves several users does not know whose its tasks are, so what is not known here to be this user's is nobody's.
   */
  route(message: Message, principal: string, isForAll: boolean): TaskOwner<Child> | TaskRefusal | undefined {
    const { method } = message
    if (method?.startsWith('tasks/') !== true) return undefined
    const taskId = message.json().params?.taskId
    const task = typeof taskId === 'string' ? this.#owners.get(taskId) : undefined
    if (task !== undefined) return task.principal === principal ? task : 'no such task'
    // Without tokens there are no users to keep apart
    if (!isForAll || principal === '') return undefined
    return method === 'tasks/list' ? 'no list' : 'no such task'
  }

  /** Forgets the tasks of children that are gone. */
  tick(): void {
    for (const [taskId, { child }] of this.#owners) if (child.connection.isOver) this.#owners.delete(taskId)
  }
}
