import type { PooledChild } from './pool.js'

/** Whose task it is, and which child runs it. */
export interface TaskOwner {
  readonly principal: string
  readonly child: PooledChild
}

const maxTasks = 10_000
/** What announces a task is small; a larger answer is a result. */
const maxBytes = 16_384

/**
 * Which child of a pool runs which task (extension `io.modelcontextprotocol/tasks`): what is asked of a task later must
 * go there, and only its own user may ask.
 */
export class TaskOwners {
  readonly #owners: Map<string, TaskOwner> = new Map()

  /** Looks whether an answer announces a task. */
  see(answer: Buffer, owner: TaskOwner): void {
    if (answer.length > maxBytes || !answer.includes('"taskId"')) return
    const { result } = JSON.parse(answer.toString('utf8'))
    if (result?.resultType !== 'task' || typeof result.taskId !== 'string') return
    this.#owners.set(result.taskId, owner)
    if (this.#owners.size <= maxTasks) return
    const [oldest] = this.#owners.keys()
    if (oldest !== undefined) this.#owners.delete(oldest)
  }

  of(taskId: string): TaskOwner | undefined {
    return this.#owners.get(taskId)
  }

  /** Forgets the tasks of children that are gone. */
  tick(): void {
    for (const [taskId, { child }] of this.#owners) if (child.connection.isOver) this.#owners.delete(taskId)
  }
}
