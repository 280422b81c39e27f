import type { Logger, Message } from '@mcp-gateway/core'
import type { EraLinkCall, EraRequest } from '@mcp-gateway/core/eras'
import {
  type Edit,
  errorCodes,
  knownMembers,
  member,
  type Owner,
  rawNotification,
  rawResponse,
  redactText,
  type TaskOwners,
} from '@mcp-gateway/core/internal'
import type { Child, ChildReader, Ending } from '../process/child.js'
import { LineLog } from '../process/line-log.js'
import { type ChildMessage, readChildLine, readOverlong } from '../wire/child-message.js'
import { asBuffer, clientSpans } from '../wire/client-message.js'
import { ownNumberAt } from '../wire/own-number.js'
import { requestLine, toLine } from '../wire/splice.js'
import { UnreadableLines } from '../wire/unreadable-lines.js'
import { startOf, wholeText } from '../wire/whole-text.js'
import { AbandonedRequests } from './abandoned-requests.js'
import { deliverAnswer, deliverRelated, deliverUnasked, errorCodeOf, subscriptionTag } from './deliver.js'
import { failureError } from './failure.js'
import { metaOf } from './meta.js'
import { copy } from './numbers.js'
import type { Caller, FailureReason, Peer, Pending } from './peer.js'
import type { Routing } from './routing.js'
import { ServerRequests } from './server-requests.js'
import { TaskGuard } from './task-guard.js'
import { Unsure } from './unsure.js'

/** The longest cancellation that is passed on as it is, in bytes. */
const maxCancellation = 16_384
/** How long a request waits for its own answer when one without an id may be it, in ms. */
const unsureFor = 2000
/** The same after a line that cannot be read: it may be what a server shows of an answer before it sends it. */
const unreadableFor = 200
/** How much of such a line is searched for credentials, in bytes, and how much of it is shown. */
const maxRedacted = 4000
const maxShown = 500

/** Counters that outlive a connection. */
export interface Traffic {
  requests: number
  invalidLines: number
  unmatchedResponses: number
  dropped: number
}

/** What a connection shares with the others of its bridge. */
export interface ConnectionHost {
  readonly logger: Logger
  readonly traffic: Traffic
  readonly tasks: TaskOwners<object>
  /** Bytes that a child may leave unread before the bridge's own answers to its questions are dropped. */
  readonly maxQueuedBytes: number
}

/** What child a connection gets. */
export interface ConnectOptions {
  /** When it must have answered, by `performance.now()`; `handshakeTimeout` from now where it is left out. */
  readonly until?: number
  /** One that was asked before and may be spoken with anew, in place of a new one. */
  readonly child?: Child
}

/**
 * Gives a connection to a child, on behalf of this user.
 *
 * @throws {Refusal} when no child can be started now
 */
export type Connect = (principal: string, routing: Routing, options?: ConnectOptions) => Promise<Connection>

/**
 * One child and everybody who speaks with it. Every request gets a number of our own, and so do progress tokens,
 * subscriptions and the child's own requests: a client that sends id 1 every time, or somebody else's id, still gets
 * its own answers alone (MCP L10).
 */
export class Connection implements ChildReader {
  readonly child: Child
  readonly pending: Map<number, Pending> = new Map()
  readonly peers: Set<Peer> = new Set()
  readonly serverRequests: ServerRequests
  readonly #routing: Routing
  readonly #logger: Logger
  readonly #traffic: Traffic
  readonly #tasks: TaskOwners<object>
  readonly #guard: TaskGuard
  readonly #maxQueuedBytes: number
  readonly #abandoned: AbandonedRequests = new AbandonedRequests()
  readonly #unsure: Unsure = new Unsure()
  readonly #unreadable: UnreadableLines = new UnreadableLines()
  readonly #lineLog: LineLog
  #lastNumber = 0
  /** The last request before the newest line that wants no answer; none where a later one has been answered. */
  #toldAfter: number | undefined
  #toldAt = Number.NEGATIVE_INFINITY
  #repliesToAll = false
  #user: string | undefined
  #isMixed = false

  constructor(child: Child, routing: Routing, { logger, traffic, tasks, maxQueuedBytes }: ConnectionHost) {
    this.child = child
    const input = {
      get queued() {
        return child.queued
      },
      write: (line: Buffer) => this.#tell(line),
    }
    this.serverRequests = new ServerRequests(input, maxQueuedBytes)
    this.#tasks = tasks
    this.#maxQueuedBytes = maxQueuedBytes
    this.#guard = new TaskGuard(tasks, this, routing.tasks)
    this.#routing = routing
    this.#logger = logger
    this.#lineLog = new LineLog(logger, { pid: child.pid }, 'stdout')
    this.#traffic = traffic
    child.reader = this
  }

  get isShared(): boolean {
    return this.#routing.isShared
  }

  get isOver(): boolean {
    return this.child.ending !== undefined || this.child.isStopping
  }

  /** Passes a request on; the waiter hears of it exactly once, at the end. */
  request(message: Message, caller: Caller): Pending {
    const bytes = asBuffer(message.bytes)
    const { id, params, progressToken, meta, logLevel } = clientSpans(bytes, knownMembers(message))
    const method = message.method ?? ''
    const pending = this.#begin(method, {
      ...caller,
      owner: caller.owner ?? userAlone(caller.principal),
      id: id === undefined ? Buffer.from('null') : copy(bytes, id),
      ...(progressToken === undefined ? {} : { token: copy(bytes, progressToken) }),
      wantsLog: logLevel !== undefined,
    })
    if (this.isOver) {
      this.fail(pending, 'exited')
      return pending
    }
    const admitted = this.#guard.admit({ bytes, method, params, meta }, pending.owner)
    if ('refused' in admitted) {
      this.#refuse(pending, admitted.refused)
      return pending
    }
    const own = Buffer.from(String(pending.number))
    const edits: Edit[] = [...admitted.edits]
    if (id !== undefined) edits.push({ ...id, bytes: own })
    if (progressToken !== undefined) edits.push({ ...progressToken, bytes: own })
    this.child.write(toLine(bytes, edits))
    return pending
  }

  /** Sends a request that comes from another era, so that only its parts are known. */
  send({ method, params }: EraRequest, link: EraLinkCall, peer?: Peer): Pending {
    const raw = params === undefined ? undefined : asBuffer(params)
    const { meta, progressToken, token, wantsLog } = metaOf(raw)
    const owner = link.owner ?? userAlone(link.principal)
    const caller = { waiter: noopWaiter, peer, principal: link.principal, owner, link }
    const pending = this.#begin(method, { ...caller, id: Buffer.from('null'), ...(token && { token }), wantsLog })
    if (this.isOver) {
      this.fail(pending, 'exited')
      return pending
    }
    const whole = raw && { start: 0, end: raw.length }
    const admitted = this.#guard.admit({ bytes: raw ?? Buffer.alloc(0), method, params: whole, meta }, owner)
    if ('refused' in admitted) this.#refuse(pending, admitted.refused)
    else
      this.child.write(requestLine(pending.number, method, raw && { bytes: raw, progressToken, edits: admitted.edits }))
    return pending
  }

  /**
   * Passes a notification on as it is.
   *
   * @param owner whose it is; one about a task of somebody else is dropped
   */
  notify(bytes: Uint8Array, owner?: Owner): void {
    const own = asBuffer(bytes)
    if (owner !== undefined) {
      if (!this.#guard.admitsNotification(own, owner)) return
      this.#heardFrom(owner.principal)
    }
    this.#tell(toLine(own, []))
  }

  /** Tells the child that nobody waits any more (MCP S3); a late answer is dropped. */
  cancel(pending: Pending, reason: string): void {
    if (!this.pending.delete(pending.number)) return
    this.#abandoned.add(pending)
    this.#tellCancelled(pending.number, reason)
    pending.waiter.answer(undefined)
  }

  /** Passes a client's `notifications/cancelled` on, for the newest request that it may mean. */
  cancelled(message: Message, peer: Peer): void {
    const bytes = asBuffer(message.bytes)
    const span = clientSpans(bytes, knownMembers(message)).requestId
    if (span === undefined) return
    const id = bytes.subarray(span.start, span.end)
    const found = [...this.pending.values()].findLast((one) => one.peer === peer && one.id.equals(id))
    // The legacy era does not let `initialize` be cancelled
    if (found === undefined || found.method === 'initialize') return
    this.pending.delete(found.number)
    this.#abandoned.add(found)
    // Cancellations always pass, so they must not fill the queue
    const isShort = bytes.length <= maxCancellation && this.child.queued <= this.#maxQueuedBytes
    if (isShort) this.#tell(toLine(bytes, [{ ...span, bytes: Buffer.from(String(found.number)) }]))
    else this.#tellCancelled(found.number, 'The client cancelled the request')
    found.waiter.answer(undefined)
  }

  /** Ends a request without the child's answer. */
  fail(pending: Pending, reason: FailureReason): void {
    if (!this.pending.delete(pending.number)) return
    this.#abandoned.add(pending)
    const error = failureError(reason, this.child.ending)
    if (pending.link === undefined)
      pending.waiter.answer(asBuffer(rawResponse(pending.id, { error })), errorCodes.internalError)
    else pending.link.answered({ error, code: errorCodes.internalError }, reason === 'timeout')
  }

  /** Ends a request that took too long, and tells the child so. */
  giveUp(pending: Pending): void {
    if (!this.pending.has(pending.number)) return
    this.fail(pending, 'timeout')
    if (pending.method !== 'initialize') this.#tellCancelled(pending.number, 'The request timed out')
  }

  /** This peer is gone: its requests are cancelled, and what the child asked it is refused. */
  leave(peer: Peer): void {
    if (!this.peers.delete(peer)) return
    for (const pending of this.pending.values()) {
      if (pending.peer !== peer) continue
      this.fail(pending, 'closed')
      this.#tellCancelled(pending.number, 'The session was closed')
    }
    this.serverRequests.refuseAll(peer, 'The client left')
  }

  line(line: Buffer): void {
    const messages = readChildLine(line)
    if (messages.length === 0 && line.length > 0) this.#invalidLine(line)
    for (const message of messages) this.#receive(message)
  }

  overlong(head: Buffer, tail: Buffer, bytes: number): void {
    const text = 'A message of the child was longer than maxMessageBytes and was skipped'
    this.#logger.warn({ pid: this.child.pid, bytes }, text)
    const number = readOverlong(head, tail)
    const pending = number === undefined ? this.#only() : this.pending.get(number)
    if (pending !== undefined) this.fail(pending, 'answer_too_large')
  }

  ended(ending: Ending): void {
    this.#unsure.clear()
    for (const pending of this.pending.values()) this.fail(pending, ending.expected ? 'closed' : 'exited')
    this.serverRequests.clear()
    this.#tasks.forget(this)
    const peers = [...this.peers]
    this.peers.clear()
    for (const peer of peers) peer.ended(ending)
  }

  #receive(message: ChildMessage): void {
    const { kind, method } = message
    if (kind === 'response') this.#answered(message)
    else if (kind === 'request') this.serverRequests.ask(message, this.#routing.asked(this))
    else if (method === 'notifications/cancelled') this.serverRequests.withdraw(message)
    else if (method === 'notifications/progress') this.#progressed(message)
    else if (!this.#subscribed(message)) this.#unasked(message)
  }

  #answered(message: ChildMessage): void {
    const { bytes, id } = message
    const isNull = id === undefined || bytes[id.start] === 0x6e
    const number = ownNumberAt(bytes, id)
    const pending = isNull ? this.#withoutId(message) : this.pending.get(number)
    if (pending === undefined) {
      this.#abandoned.delete(number)
      this.#traffic.unmatchedResponses++
      return
    }
    // What came without an id was about something else
    if (this.#unsure.delete(number) === 'without id') this.#repliesToAll = true
    if (this.#toldAfter !== undefined && number > this.#toldAfter) this.#toldAfter = undefined
    this.#deliver(pending, message)
  }

  #deliver(pending: Pending, message: ChildMessage): void {
    this.pending.delete(pending.number)
    this.child.answered()
    deliverAnswer(pending, this.#guard.answered(pending, message))
  }

  /**
   * The request that an answer without an id is for. Only what a child could not read as a request is answered so
   * (JSON-RPC 2.0 section 5); some also answer notifications so, which may be those of another client. Where it may be
   * either, the request gets it if nothing better comes soon.
   */
  #withoutId(message: ChildMessage): Pending | undefined {
    const only = this.#only()
    const code = errorCodeOf(message)
    const isUnread = code === errorCodes.parseError || code === errorCodes.invalidRequest
    this.#repliesToAll ||= this.pending.size === 0 || !isUnread
    if (only === undefined || this.#repliesToAll || this.#isMixed) return undefined
    const isOverdue = performance.now() - this.#toldAt > unsureFor
    if (this.#toldAfter === undefined && isOverdue) return only
    const kept = { ...message, bytes: Buffer.from(message.bytes) }
    this.#unsure.add(only.number, unsureFor, 'without id', () => {
      if (this.pending.has(only.number) && !this.#isMixed && !this.#repliesToAll) this.#deliver(only, kept)
    })
    return undefined
  }

  /** Writes a line that wants no answer. */
  #tell(line: Buffer): void {
    this.#toldAfter = this.#lastNumber
    this.#toldAt = performance.now()
    this.child.write(line)
  }

  /** Somebody uses the child; without tokens, nobody can be told from anybody else. */
  #heardFrom(principal: string): void {
    // What the bridge itself asks is no user's
    if (principal.startsWith('\0')) return
    const isAnother = this.#user !== principal || (principal === '' && this.isShared)
    this.#isMixed ||= this.#user !== undefined && isAnother
    this.#user = principal
  }

  #progressed(message: ChildMessage): void {
    const span = member(message.bytes, message.params, 'progressToken')
    const pending = this.pending.get(ownNumberAt(message.bytes, span))
    // Progress of a request that is over has no stream to go to
    if (span === undefined || pending?.token === undefined) return
    pending.activeAt = performance.now()
    if (!this.#guard.mayHear(pending, message)) this.#traffic.dropped++
    else deliverRelated(pending, message, { ...span, bytes: pending.token })
  }

  /** A notification for a `subscriptions/listen`, whose request id names it (MCP M21). */
  #subscribed(message: ChildMessage): boolean {
    const tag = subscriptionTag(message, 'params')
    if (tag === undefined) return false
    const pending = this.pending.get(ownNumberAt(message.bytes, tag))
    if (pending === undefined) return true
    if (!this.#guard.mayHear(pending, message)) this.#traffic.dropped++
    else deliverRelated(pending, message, { ...tag, bytes: pending.id })
    return true
  }

  #unasked(message: ChildMessage): void {
    const hearer = this.#guard.hearer(message, this.peers, this.pending.values())
    if (hearer !== 'pass') {
      if (hearer === undefined) this.#traffic.dropped++
      else if ('pending' in hearer) deliverUnasked(hearer.pending, message)
      else for (const peer of hearer.peers) peer.notified(message)
      return
    }
    const concerned = this.#routing.notified(message, this)
    for (const peer of concerned) peer.notified(message)
    if (concerned.length > 0) return
    const pending =
      message.method === 'notifications/message' ? attributeLog(this.pending.values(), this.#abandoned) : undefined
    if (pending === undefined) this.#traffic.dropped++
    else deliverUnasked(pending, message)
  }

  #begin(method: string, caller: Omit<Pending, 'number' | 'method' | 'startedAt' | 'activeAt'>): Pending {
    const now = performance.now()
    const pending: Pending = { ...caller, method, number: ++this.#lastNumber, startedAt: now, activeAt: now }
    this.#traffic.requests++
    this.pending.set(pending.number, pending)
    this.#heardFrom(caller.principal)
    return pending
  }

  #refuse(pending: Pending, error: Buffer): void {
    this.pending.delete(pending.number)
    if (pending.link === undefined)
      pending.waiter.answer(asBuffer(rawResponse(pending.id, { error })), errorCodes.invalidParams)
    else pending.link.answered({ error, code: errorCodes.invalidParams })
  }

  #tellCancelled(requestId: number, reason: string): void {
    this.notify(asBuffer(rawNotification('notifications/cancelled', JSON.stringify({ requestId, reason }))))
  }

  #only(): Pending | undefined {
    return this.pending.size === 1 ? this.pending.values().next().value : undefined
  }

  #invalidLine(line: Buffer): void {
    this.#lineLog.write(() => startOf(redactText(wholeText(line.subarray(0, maxRedacted))), maxShown))
    const pending = this.pending.get(this.#unreadable.read(line))
    if (pending !== undefined) {
      this.#unsure.add(pending.number, unreadableFor, 'unreadable', () => this.fail(pending, 'answer_unreadable'))
    }
    const bytes = line.length
    const count = ++this.#traffic.invalidLines
    // Each power of ten, so that a chatty child does not fill the log
    if (!/^10*$/.test(String(count))) return
    const text = 'The child wrote a line to stdout that is not an MCP message; the level debug shows it'
    this.#logger.warn({ pid: this.child.pid, bytes, count }, text)
  }
}

function userAlone(principal: string): Owner {
  return { principal, audience: '' }
}

const noopWaiter: Pending['waiter'] = { related: () => undefined, answer: () => undefined }

/** A log message names no request: it can be told whose it is while the child is at work for one user alone. */
function attributeLog(pending: Iterable<Pending>, abandoned: Pick<AbandonedRequests, 'hasOther'>): Pending | undefined {
  const calls = [...pending].filter(({ method, peer }) => method !== 'subscriptions/listen' && !peer)
  const [first] = calls
  if (first === undefined || calls.some(({ principal }) => principal !== first.principal)) return undefined
  if (abandoned.hasOther(first.principal)) return undefined
  return calls.findLast(({ wantsLog }) => wantsLog)
}
