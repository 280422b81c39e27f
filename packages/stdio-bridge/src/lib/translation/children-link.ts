import type {
  EraAnswer,
  EraLink,
  EraLinkCall,
  EraLinkListener,
  EraNotification,
  EraRequest,
} from '@mcp-gateway/core/eras'
import {
  errorCodes,
  isRefusal,
  type Owner,
  Refusal,
  rawNotification,
  type TaskOwners,
} from '@mcp-gateway/core/internal'
import type { ServingChild } from '../children/child-groups.js'
import { legacyOnly, type ModernChildren } from '../children/modern-children.js'
import { taskRunner } from '../children/task-runner.js'
import { notKeepingUp } from '../refusals/refusals.js'
import { asBuffer } from '../wire/client-message.js'

const noopObserver: EraLinkListener = {
  notified: () => undefined,
  asked: () => () => undefined,
  ended: () => undefined,
}

/** What a link needs of its bridge. */
export interface ChildrenLinkHost {
  readonly children: ModernChildren
  readonly tasks: TaskOwners<object>
  readonly maxQueuedBytes: number
}

/**
 * The modern children of a bridge as what a translation speaks with, on behalf of one user. A modern server keeps nothing
 * between two requests, so each goes to the child that has least to do; only tasks live where they began.
 */
export class ChildrenLink implements EraLink {
  listener: EraLinkListener = noopObserver
  readonly #owner: Owner
  readonly #host: ChildrenLinkHost
  /** Bytes of notifications for which a child is being started. */
  #waiting = 0

  constructor(owner: Owner, host: ChildrenLinkHost) {
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
    const run = (child: ServingChild) => {
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
        answered(failure(notKeepingUp))
        return
      }
      const { related } = call
      const pending = connection.send(request, { principal: call.principal, owner: this.#owner, related, answered })
    }
    const begin = async () => {
      try {
        const child = await children.acquire(this.#owner, wanted)
        if (child === legacyOnly) throw otherEra
        if (isOver) children.release(child)
        else run(child)
      } catch (refusal) {
        if (isOver) return
        isOver = true
        call.answered(failure(isRefusal(refusal) ? refusal : notPassedOn))
      }
    }
    void begin()
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
    const acquired = children.acquire(this.#owner).finally(() => {
      this.#waiting -= bytes
    })
    const pass = (child: ServingChild | typeof legacyOnly) => {
      if (child === legacyOnly) return
      if (child.connection.child.queued <= maxQueuedBytes) {
        child.connection.notify(asBuffer(rawNotification(method, params)), this.#owner)
      }
      children.release(child)
    }
    // A notification has no answer: where no child can be had, it is lost
    acquired.then(pass).catch(() => undefined)
  }
}

/** The child that runs the task that a request is about. */
function runnerOf(
  { method, params }: EraRequest,
  owner: Owner,
  tasks: TaskOwners<object>,
  children: ModernChildren,
): ServingChild | undefined {
  const bytes = params ?? new Uint8Array()
  const span = params && { start: 0, end: params.length }
  return taskRunner(tasks, { owner, method, bytes, params: span }, (one) => children.find(one))
}

const otherEra = new Refusal(
  500,
  errorCodes.internalError,
  'The MCP server speaks another era than it did; send initialize again',
)
const notPassedOn = new Refusal(500, errorCodes.internalError, 'The request could not be passed on to the MCP server')

function failure(refusal: Refusal): EraAnswer {
  const code = Number(refusal.code)
  return { error: Buffer.from(JSON.stringify({ code, message: refusal.description })), code }
}
