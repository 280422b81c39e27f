import {
  type EraAnswer,
  type EraLink,
  type EraLinkCall,
  type EraLinkListener,
  type EraNotification,
  type EraRequest,
  member,
} from '@mcp-gateway/core/eras'
import { legacyOnly, type Pool, type PooledChild } from '../modern/pool.js'
import type { TaskOwners } from '../modern/task-owners.js'
import { isRefusal } from '../refusal.js'
import { asBuffer } from '../wire/client-message.js'
import { notKeepingUp } from './session-limits.js'
import type { SessionOwner } from './session-types.js'

const deaf: EraLinkListener = { notified: () => undefined, asked: () => () => undefined, ended: () => undefined }

/** What a link needs of its bridge. */
export interface ChildrenLinkHost {
  readonly children: Pool
  readonly tasks: TaskOwners
  readonly maxQueuedBytes: number
}

/**
 * The modern children of a bridge as what a translation speaks with, on behalf of one user. A modern server keeps nothing
 * between two requests, so each goes to the child that has least to do; only tasks live where they began.
 */
export class ChildrenLink implements EraLink {
  listener: EraLinkListener = deaf
  readonly #owner: SessionOwner
  readonly #host: ChildrenLinkHost

  constructor(owner: SessionOwner, host: ChildrenLinkHost) {
    this.#owner = owner
    this.#host = host
  }

  request(request: EraRequest, call: EraLinkCall): (reason: string) => void {
    const { children, tasks, maxQueuedBytes } = this.#host
    const { principal } = this.#owner
    const task = request.method.startsWith('tasks/') ? tasks.of(taskIdOf(request)) : undefined
    // What is another user's does not exist
    if (task !== undefined && task.principal !== principal) {
      call.answered(failure(-32602, 'There is no such task'))
      return () => undefined
    }
    let isOver = false
    let cancel: (reason: string) => void = () => undefined
    const run = (child: PooledChild) => {
      const answered = (answer: EraAnswer) => {
        if (isOver) return
        isOver = true
        children.release(child)
        if ('result' in answer) this.#seeTask(asBuffer(answer.result), child)
        call.answered(answer)
      }
      cancel = (reason) => {
        connection.cancel(pending, reason)
        children.release(child)
      }
      const { connection } = child
      if (connection.child.queued > maxQueuedBytes) {
        answered(failure(-31503, notKeepingUp.message))
        return
      }
      const { related } = call
      const pending = connection.send(request, { principal: call.principal, related, answered })
    }
    void children.acquire(this.#owner, task?.child).then((child) => {
      if (isOver) {
        if (child !== legacyOnly && !isRefusal(child)) children.release(child)
      } else if (child === legacyOnly) {
        isOver = true
        call.answered(failure(-32603, 'The MCP server speaks another era than it did; send initialize again'))
      } else if (isRefusal(child)) {
        isOver = true
        call.answered(failure(-31000 - child.status, child.message))
      } else {
        run(child)
      }
    })
    return (reason) => {
      if (isOver) return
      isOver = true
      cancel(reason)
    }
  }

  notify({ method, params }: EraNotification): void {
    const { children } = this.#host
    void children.acquire(this.#owner).then((child) => {
      if (child === legacyOnly || isRefusal(child)) return
      const head = `{"jsonrpc":"2.0","method":${JSON.stringify(method)}`
      const parts = params === undefined ? [] : [Buffer.from(',"params":'), params]
      child.connection.notify(Buffer.concat([Buffer.from(head), ...parts, Buffer.from('}')]))
      children.release(child)
    })
  }

  #seeTask(result: Buffer, child: PooledChild): void {
    if (result.length > 16_384 || !result.includes('"taskId"')) return
    const { principal } = this.#owner
    this.#host.tasks.see(Buffer.concat([Buffer.from('{"result":'), result, Buffer.from('}')]), { principal, child })
  }
}

function taskIdOf({ params }: EraRequest): string {
  const span = params && member(params, { start: 0, end: params.length }, 'taskId')
  if (span === undefined || params === undefined) return ''
  const taskId: unknown = JSON.parse(asBuffer(params).toString('utf8', span.start, span.end))
  return typeof taskId === 'string' ? taskId : ''
}

function failure(code: number, message: string): EraAnswer {
  return { error: Buffer.from(JSON.stringify({ code, message })), code }
}
