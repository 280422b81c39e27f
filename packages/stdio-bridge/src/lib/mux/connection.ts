import type { Logger, Message } from '@mcp-gateway/core'
import type { Child, ChildReader, Ending } from '../process/child.js'
import { type ChildMessage, readChildLine, readOverlong } from '../wire/child-message.js'
import { asBuffer, clientSpans } from '../wire/client-message.js'
import { member } from '../wire/json-scan.js'
import { type Edit, splice, toLine } from '../wire/splice.js'
import { failure } from './failure.js'
import type { FailureReason, Peer, Waiter } from './peer.js'

/** One request that the child has not answered. */
export interface Pending {
  readonly number: number
  readonly peer: Peer
  readonly waiter: Waiter
  readonly method: string
  /** The client's id, as it wrote it. */
  readonly id: Buffer
  /** The client's progress token, as it wrote it. */
  readonly token?: Buffer
  readonly startedAt: number
  /** When it last showed a sign of life, in ms since the epoch. */
  activeAt: number
}

/** Counters that outlive a connection. */
export interface Traffic {
  requests: number
  rubbish: number
  unknownAnswers: number
}

interface Ask {
  readonly id: Buffer
  readonly peer: Peer
}

/**
 * One child and everybody who speaks with it. Every request gets a number of our own, and so do progress tokens and the
 * child's own requests: a client that sends id 1 every time, or somebody else's id, still gets its own answers alone
 * (MCP L10).
 */
export class Connection implements ChildReader {
  readonly child: Child
  readonly pending: Map<number, Pending> = new Map()
  readonly peers: Set<Peer> = new Set()
  readonly #asks: Map<number, Ask> = new Map()
  readonly #logger: Logger
  readonly #traffic: Traffic
  #lastNumber = 0
  #lastAsk = 0

  constructor(child: Child, logger: Logger, traffic: Traffic) {
    this.child = child
    this.#logger = logger
    this.#traffic = traffic
    child.reader = this
  }

  /** Passes a request on; the waiter hears of it exactly once, at the end. */
  request(message: Message, peer: Peer, waiter: Waiter): Pending {
    const bytes = asBuffer(message.bytes)
    const { id, progressToken } = clientSpans(bytes)
    const number = ++this.#lastNumber
    const now = Date.now()
    const pending: Pending = {
      number,
      peer,
      waiter,
      method: message.method ?? '',
      id: id === undefined ? Buffer.from('null') : Buffer.from(bytes.subarray(id.start, id.end)),
      ...(progressToken === undefined
        ? {}
        : { token: Buffer.from(bytes.subarray(progressToken.start, progressToken.end)) }),
      startedAt: now,
      activeAt: now,
    }
    this.#traffic.requests++
    this.pending.set(number, pending)
    if (this.child.ending !== undefined) {
      this.fail(pending, 'exited')
      return pending
    }
    const own = Buffer.from(String(number))
    const edits: Edit[] = []
    if (id !== undefined) edits.push({ ...id, bytes: own })
    if (progressToken !== undefined) edits.push({ ...progressToken, bytes: own })
    this.child.write(toLine(bytes, edits))
    return pending
  }

  /** Passes a notification on as it is. */
  notify(bytes: Uint8Array): void {
    this.child.write(toLine(asBuffer(bytes), []))
  }

  /** Tells the child that nobody waits any more (MCP S3); a late answer is dropped. */
  cancel(pending: Pending, reason: string): void {
    if (!this.pending.delete(pending.number)) return
    this.#tellCancelled(pending.number, reason)
    pending.waiter.answer(undefined)
  }

  /** Passes a client's `notifications/cancelled` on, for the newest request that it may mean. */
  cancelled(message: Message, peer: Peer): void {
    const bytes = asBuffer(message.bytes)
    const span = member(bytes, clientSpans(bytes).params, 'requestId')
    if (span === undefined) return
    const id = bytes.subarray(span.start, span.end)
    const found = [...this.pending.values()].findLast((one) => one.peer === peer && one.id.equals(id))
    // The legacy era does not let `initialize` be cancelled
    if (found === undefined || found.method === 'initialize') return
    this.pending.delete(found.number)
    this.child.write(toLine(bytes, [{ ...span, bytes: Buffer.from(String(found.number)) }]))
    found.waiter.answer(undefined)
  }

  /** Answers a request of the child; says whether there was one. */
  reply(message: Message, ask: number, peer: Peer): boolean {
    const asked = this.#asks.get(ask)
    if (asked === undefined || asked.peer !== peer) return false
    this.#asks.delete(ask)
    const bytes = asBuffer(message.bytes)
    const { id } = clientSpans(bytes)
    if (id !== undefined) this.child.write(toLine(bytes, [{ ...id, bytes: asked.id }]))
    return true
  }

  /** Answers a request of the child with an error, because no client will. */
  refuse(ask: number, code: number, text: string): void {
    const asked = this.#asks.get(ask)
    if (asked === undefined) return
    this.#asks.delete(ask)
    this.child.write(refusal(asked.id, code, text))
  }

  /** Ends a request without the child's answer. */
  fail(pending: Pending, reason: FailureReason): void {
    if (this.pending.delete(pending.number)) pending.waiter.answer(failure(pending.id, reason, this.child.ending))
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
    for (const pending of this.pending.values()) if (pending.peer === peer) this.cancel(pending, 'The client left')
    for (const [ask, asked] of this.#asks) if (asked.peer === peer) this.refuse(ask, -32603, 'The client left')
  }

  line(line: Buffer): void {
    const messages = readChildLine(line)
    if (messages.length === 0 && line.length > 0) this.#rubbish(line.length)
    for (const message of messages) this.#receive(message)
  }

  overlong(head: Buffer, tail: Buffer, bytes: number): void {
    this.#logger.warn(
      { pid: this.child.pid, bytes },
      'A message of the child was longer than maxMessageBytes and was skipped',
    )
    const number = readOverlong(head, tail)
    const pending = number === undefined ? this.#only() : this.pending.get(number)
    if (pending !== undefined) this.fail(pending, 'answer_too_large')
  }

  ended(ending: Ending): void {
    for (const pending of this.pending.values()) this.fail(pending, ending.expected ? 'closed' : 'exited')
    this.#asks.clear()
    for (const peer of [...this.peers]) peer.ended(ending)
    this.peers.clear()
  }

  #receive(message: ChildMessage): void {
    if (message.kind === 'response') this.#answered(message)
    else if (message.kind === 'request') this.#asked(message)
    else if (message.method === 'notifications/cancelled') this.#withdrawn(message)
    else if (message.method !== 'notifications/progress' || !this.#progressed(message)) this.#unasked(message)
  }

  #answered(message: ChildMessage): void {
    const { bytes, id } = message
    const raw = id === undefined ? 'null' : bytes.toString('latin1', id.start, id.end)
    // A child that could not read a request answers with id null: with one request waiting that is its answer
    const pending = raw === 'null' ? this.#only() : this.pending.get(toNumber(raw))
    if (pending === undefined) {
      this.#traffic.unknownAnswers++
      return
    }
    this.pending.delete(pending.number)
    // An error response may leave its id out, where it means null
    const answer =
      id === undefined
        ? splice(bytes, [
            { start: 1, end: 1, bytes: Buffer.concat([Buffer.from('"id":'), pending.id, Buffer.from(',')]) },
          ])
        : splice(bytes, [{ ...id, bytes: pending.id }])
    pending.waiter.answer(answer)
  }

  #asked(message: ChildMessage): void {
    const { bytes, id, method } = message
    if (id === undefined) return
    const [peer] = this.peers
    const raw = Buffer.from(bytes.subarray(id.start, id.end))
    if (peer === undefined) return void this.child.write(refusal(raw, -32601, `Nobody is there for ${method}`))
    const ask = ++this.#lastAsk
    this.#asks.set(ask, { id: raw, peer })
    const rewritten = splice(bytes, [{ ...id, bytes: Buffer.from(String(ask)) }])
    peer.asked({ kind: 'request', method, bytes: rewritten }, ask)
  }

  #progressed({ bytes, params }: ChildMessage): boolean {
    const span = member(bytes, params, 'progressToken')
    if (span === undefined) return false
    const pending = this.pending.get(toNumber(bytes.toString('latin1', span.start, span.end)))
    // Progress of a request that is over has no stream to go to
    if (pending?.token === undefined) return true
    pending.activeAt = Date.now()
    pending.waiter.progress(splice(bytes, [{ ...span, bytes: pending.token }]))
    return true
  }

  #withdrawn({ bytes, params }: ChildMessage): void {
    const span = member(bytes, params, 'requestId')
    if (span === undefined) return
    const id = bytes.subarray(span.start, span.end)
    for (const [ask, asked] of this.#asks) {
      if (!asked.id.equals(id)) continue
      this.#asks.delete(ask)
      asked.peer.withdrawn(splice(bytes, [{ ...span, bytes: Buffer.from(String(ask)) }]), ask)
      return
    }
  }

  #unasked(message: ChildMessage): void {
    for (const peer of this.peers) peer.notified(message)
  }

  #tellCancelled(requestId: number, reason: string): void {
    const params = { requestId, reason }
    this.notify(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params })))
  }

  #only(): Pending | undefined {
    return this.pending.size === 1 ? this.pending.values().next().value : undefined
  }

  #rubbish(bytes: number): void {
    const count = ++this.#traffic.rubbish
    // Each power of ten, so that a chatty child does not fill the log
    if (!/^10*$/.test(String(count))) return
    this.#logger.warn({ pid: this.child.pid, bytes, count }, 'The child wrote a line to stdout that is no MCP message')
  }
}

function toNumber(raw: string): number {
  return /^\d{1,15}$/.test(raw) ? Number(raw) : -1
}

function refusal(id: Buffer, code: number, message: string): Buffer {
  const error = JSON.stringify({ code, message })
  return Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":'), id, Buffer.from(`,"error":${error}}\n`)])
}
