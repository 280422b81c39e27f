import { isSameOwner, type Owner } from '../tokens/owner.js'

/** How many tasks are remembered. */
export interface TaskOwnersOptions {
  /**
   * Tasks of one user; beyond it the oldest of that user is forgotten, and no other user's.
   *
   * @default 10000
   */
  readonly maxTasksPerPrincipal?: number
  /**
   * Tasks of all users; beyond it the oldest of the user who has most is forgotten.
   *
   * @default 200000
   */
  readonly maxTasks?: number
}

/** One task that a server has announced. */
export interface KnownTask<Server extends object> {
  readonly server: Server
  readonly taskId: string
  readonly owner: Owner
  /** The session in which it was begun, where there was one. */
  readonly session?: string
}

interface User<Server extends object> {
  /** In the order in which they were announced. */
  readonly tasks: Set<KnownTask<Server>>
  readonly byId: Map<string, Set<KnownTask<Server>>>
}

/** The longest id that is remembered, in characters; a longer one fits into no `Mcp-Name` header (MCP M8). */
const maxId = 8192

/**
 * Who began which task at which server (revision 2025-11-25, and the extension `io.modelcontextprotocol/tasks`). A
 * server that several users share does not know whose its tasks are. Ids are unique at one server only, so a task is
 * known by both. It keeps no task of a server that was forgotten, and does not ask the servers anything.
 */
export class TaskOwners<Server extends object> {
  readonly #maxPerPrincipal: number
  readonly #max: number
  readonly #users: Map<string, User<Server>> = new Map()
  readonly #servers: Map<Server, Map<string, KnownTask<Server>>> = new Map()
  #size = 0

  constructor({ maxTasksPerPrincipal = 10_000, maxTasks = 200_000 }: TaskOwnersOptions = {}) {
    this.#maxPerPrincipal = maxTasksPerPrincipal
    this.#max = maxTasks
  }

  /** Tasks that are remembered. */
  get size(): number {
    return this.#size
  }

  /** Remembers who began a task. One that has an owner already keeps that owner. */
  add(task: KnownTask<Server>): void {
    const { server, taskId, owner } = task
    const atServer = this.#servers.get(server)
    if (taskId.length > maxId || atServer?.has(taskId) === true) return
    const user = this.#users.get(owner.principal) ?? { tasks: new Set(), byId: new Map() }
    this.#users.set(owner.principal, user)
    user.tasks.add(task)
    const same = user.byId.get(taskId)
    if (same === undefined) user.byId.set(taskId, new Set([task]))
    else same.add(task)
    if (atServer === undefined) this.#servers.set(server, new Map([[taskId, task]]))
    else atServer.set(taskId, task)
    this.#size++
    if (user.tasks.size > this.#maxPerPrincipal) this.#deleteOldest(user)
    if (this.#size > this.#max) this.#deleteOldest(this.#largest(user))
  }

  /** The task of this server with this id, whoever owns it. */
  get(server: Server, taskId: string): KnownTask<Server> | undefined {
    return this.#servers.get(server)?.get(taskId)
  }

  /** Whether it is known that this user began the task. */
  owns(owner: Owner, server: Server, taskId: string): boolean {
    const task = this.get(server, taskId)
    return task !== undefined && isSameOwner(task.owner, owner)
  }

  /**
   * The server that runs this task of this user; with no id, the one that runs the newest of the user's tasks.
   *
   * @param serves whether a server is one that the request may go to
   */
  serverOf(owner: Owner, taskId: string | undefined, serves: (server: Server) => boolean): Server | undefined {
    const user = this.#users.get(owner.principal)
    const tasks = taskId === undefined ? user?.tasks : user?.byId.get(taskId)
    return [...(tasks ?? [])].findLast((task) => isSameOwner(task.owner, owner) && serves(task.server))?.server
  }

  /** Forgets the tasks of a server that is gone. */
  forget(server: Server): void {
    const tasks = this.#servers.get(server)
    if (tasks !== undefined) for (const task of tasks.values()) this.#delete(task)
  }

  /** Who has most pays: a user who has few loses nothing to one who has many. */
  #largest(user: User<Server>): User<Server> {
    let largest = user
    for (const other of this.#users.values()) if (other.tasks.size > largest.tasks.size) largest = other
    return largest
  }

  #deleteOldest({ tasks }: User<Server>): void {
    const [oldest] = tasks
    if (oldest !== undefined) this.#delete(oldest)
  }

  #delete(task: KnownTask<Server>): void {
    const { server, taskId, owner } = task
    const atServer = this.#servers.get(server)
    atServer?.delete(taskId)
    if (atServer?.size === 0) this.#servers.delete(server)
    const user = this.#users.get(owner.principal)
    user?.tasks.delete(task)
    const same = user?.byId.get(taskId)
    same?.delete(task)
    if (same?.size === 0) user?.byId.delete(taskId)
    if (user?.tasks.size === 0) this.#users.delete(owner.principal)
    this.#size--
  }
}
