import { namedTasks, type Owner, type Span, type TaskOwners } from '@mcp-gateway/core/internal'

/** Requests that are to go where a task runs. */
const boundToTask = /^(?:tasks\/|subscriptions\/listen$)/

/** A request that may be about a task. */
export interface TaskRequest {
  readonly owner: Owner
  readonly method: string
  /** What `params` is a part of. */
  readonly bytes: Uint8Array
  readonly params: Span | undefined
}

/**
 * The child of a pool that runs the tasks that a request is about; `undefined` where any may have it. Whether the user
 * may ask for them at all is the child's connection to say.
 *
 * @param find gives the child that speaks over a connection, where it is one that the request may go to
 */
export function taskRunner<Child>(
  tasks: TaskOwners<object>,
  { owner, method, bytes, params }: TaskRequest,
  find: (connection: object) => Child | undefined,
): Child | undefined {
  if (tasks.size === 0 || !boundToTask.test(method)) return undefined
  const { taskIds } = namedTasks(bytes, method, params)
  const [taskId] = taskIds
  // Without a list that joins those of all children, the newest task says which child's is wanted
  if (taskId === undefined && method !== 'tasks/list') return undefined
  const connection = tasks.serverOf(owner, taskId, (one) => find(one) !== undefined)
  return connection && find(connection)
}
