import type {
  EraAnswer,
  EraLink,
  EraLinkCall,
  EraLinkListener,
  EraNotification,
  EraRequest,
} from '@mcp-gateway/core/eras'
import { errorCodes, gatewayCode, type TaskOwners } from '@mcp-gateway/core/internal'
import { legacyOnly, type Pool, type PooledChild } from '../children/modern-children.js'
import { taskRunner } from '../children/task-runner.js'
import type { SessionOwner } from '../legacy/session-types.js'
import { isRefusal } from '../refusal.js'
import { notKeepingUp } from '../sessions/session-limits.js'

const noopObserver: EraLinkListener = {
  notified: () => undefined,
  asked: () => () => undefined,
  ended: () => undefined,
}

/** What a link needs of its bridge. */
export interface ChildrenLinkHost {
  readonly children: Pool
  readonly tasks: TaskOwners<object>
  readonly maxQueuedBytes: number
}

/**
 * The modern children of a bridge as what a translation speaks with, on behalf of one user. A modern server keeps nothing
 * between two requests, so each goes to the child that has least to do; only tasks live where they began.
 */
export class ChildrenLink implements EraLink {
  listener: EraLinkListener = noopObserver
  readonly #owner: SessionOwner
  readonly #host: ChildrenLinkHost
  /** Bytes of notifications for which a child is being started. */
  #waiting = 0

  constructor(owner: SessionOwner, host: ChildrenLinkHost) {
    this.#owner = owner
    this.#host = host
  }

  /** Bytes that wait for the child that would get a notification now. */
  get queued(): number {
    return this.#waiting + this.#host.children.queuedFor(this.#owner)
  }

  request(request: EraRequest, call: EraLinkCall): (reason: string) => void {
    const { children, tasks, maxQueuedBytes } = this.#host
    const wanted = runnerOf(request, this.#owner, tasks, children)
    let isOver = false
    let cancel: (reason: string) => void = () => undefined
    const run = (child: PooledChild) => {
      const answered = (answer: EraAnswer) => {
        if (isOver) return
        isOver = true
        children.release(child)
        call.answered(answer)
      }
      cancel = (reason) => {
        connection.cancel(pending, reason)
        children.release(child)
      }
      const { connection } = child
      if (connection.child.queued > maxQueuedBytes) {
        answered(failure(gatewayCode(503), notKeepingUp.message))
        return
      }
      const { related } = call
      const pending = connection.send(request, { principal: call.principal, owner: this.#owner, related, answered })
    }
    void children.acquire(this.#owner, wanted).then((child) => {
      if (isOver) {
        if (child !== legacyOnly && !isRefusal(child)) children.release(child)
      } else if (child === legacyOnly) {
        isOver = true
        call.answered(
          failure(errorCodes.internalError, 'The MCP server speaks another era than it did; send initialize again'),
        )
      } else if (isRefusal(child)) {
        isOver = true
        call.answered(failure(gatewayCode(child.status), child.message))
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
    const { children, maxQueuedBytes } = this.#host
    const bytes = params?.length ?? 0
    this.#waiting += bytes
    void children.acquire(this.#owner).then((child) => {
      this.#waiting -= bytes
      if (child === legacyOnly || isRefusal(child)) return
      if (child.connection.child.queued > maxQueuedBytes) {
        children.release(child)
        return
      }
      const head = `{"jsonrpc":"2.0","method":${JSON.stringify(method)}`
      const parts = params === undefined ? [] : [Buffer.from(',"params":'), params]
      child.connection.notify(Buffer.concat([Buffer.from(head), ...parts, Buffer.from('}')]), this.#owner)
      children.release(child)
    })
  }
}

/** The child that runs the task that a request is about. */
function runnerOf(
  { method, params }: EraRequest,
  owner: SessionOwner,
  tasks: TaskOwners<object>,
  children: Pool,
): PooledChild | undefined {
  const bytes = params ?? new Uint8Array()
  return taskRunner(tasks, owner, method, bytes, params && { start: 0, end: params.length }, (one) =>
    children.find(one),
  )
}

function failure(code: number, message: string): EraAnswer {
  return { error: Buffer.from(JSON.stringify({ code, message })), code }
}
