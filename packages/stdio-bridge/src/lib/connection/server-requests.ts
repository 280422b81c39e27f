import type { Message } from '@mcp-gateway/core'
import type { EraAnswer } from '@mcp-gateway/core/eras'
import { errorCodes, knownMembers, member, type RawAnswer, rawResponse, type Span } from '@mcp-gateway/core/internal'
import type { Child } from '../process/child.js'
import type { ChildMessage } from '../wire/child-message.js'
import { asBuffer, clientSpans } from '../wire/client-message.js'
import { splice, toLine } from '../wire/splice.js'
import type { Peer } from './peer.js'

/** Where what a child is told goes. */
export type ChildInput = Pick<Child, 'queued' | 'write'>

interface OpenRequest {
  /** As the child wrote it. */
  readonly id: Buffer
  readonly peer: Peer
}

/** Requests to clients that a child may have open at once. */
const maxOpen = 256
/** The longest id of such a request, in bytes: it is kept until the reply. */
const maxId = 1024

/** The requests of a child that its clients have not answered, under numbers of our own. */
export class ServerRequests {
  readonly #child: ChildInput
  readonly #maxQueuedBytes: number
  readonly #open: Map<number, OpenRequest> = new Map()
  #last = 0

  /** @param maxQueuedBytes bytes that the child may leave unread before it is told of no more refusals */
  constructor(child: ChildInput, maxQueuedBytes: number) {
    this.#child = child
    this.#maxQueuedBytes = maxQueuedBytes
  }

  /** Passes a request of the child on; one that nobody takes, or that is one too many, is refused at once. */
  ask({ bytes, id, method, params }: ChildMessage, peer: Peer | undefined): void {
    if (id === undefined) return
    if (id.end - id.start > maxId) {
      this.#refuse(Buffer.from('null'), errorCodes.invalidRequest, `An id has at most ${maxId} bytes here`)
      return
    }
    const raw = Buffer.from(bytes.subarray(id.start, id.end))
    if (peer === undefined && method === 'ping') {
      // It asks whether somebody is here, and somebody is
      if (this.#child.queued <= this.#maxQueuedBytes) this.#child.write(response(raw, { result: '{}' }))
      return
    }
    if (peer === undefined) {
      this.#refuse(raw, errorCodes.methodNotFound, `No client takes ${method} here`)
      return
    }
    if (this.#open.size >= maxOpen) {
      this.#refuse(
        raw,
        errorCodes.internalError,
        `${maxOpen} requests wait for the client already; wait for its answers`,
      )
      return
    }
    const ask = ++this.#last
    this.#open.set(ask, { id: raw, peer })
    const own = Buffer.from(String(ask))
    const moved = params !== undefined && params.start > id.start ? own.length - raw.length : 0
    const span = params && { start: params.start + moved, end: params.end + moved }
    peer.asked({ kind: 'request', method, bytes: splice(bytes, [{ ...id, bytes: own }]), params: span }, ask)
  }

  /** Responds with what a translation has made of the client's reply. */
  answer(ask: number, answer: EraAnswer): void {
    const asked = this.#open.get(ask)
    if (asked === undefined) return
    this.#open.delete(ask)
    if (this.#child.queued > this.#maxQueuedBytes) {
      this.#child.write(
        refusal(asked.id, errorCodes.internalError, 'There was no room for the answer: the input was not read'),
      )
      return
    }
    this.#child.write(response(asked.id, answer))
  }

  /** Whether a client has something to reply to. */
  get isAsking(): boolean {
    return this.#open.size > 0
  }

  isOpen(ask: number): boolean {
    return this.#open.has(ask)
  }

  /** Passes a client's reply on; one to a request for another client is dropped. */
  reply(message: Message, ask: number, peer: Peer): void {
    const asked = this.#open.get(ask)
    if (asked === undefined || asked.peer !== peer) return
    this.#open.delete(ask)
    const bytes = asBuffer(message.bytes)
    const { id } = clientSpans(bytes, knownMembers(message))
    if (id !== undefined) this.#child.write(toLine(bytes, [{ ...id, bytes: asked.id }]))
  }

  /** Responds to a request of the child with an error, because no client will. */
  refuse(ask: number, code: number, text: string): void {
    const asked = this.#open.get(ask)
    if (asked === undefined) return
    this.#open.delete(ask)
    this.#refuse(asked.id, code, text)
  }

  /** Refuses all that this peer was asked. */
  refuseAll(peer: Peer, text: string): void {
    for (const [ask, asked] of this.#open) if (asked.peer === peer) this.refuse(ask, errorCodes.internalError, text)
  }

  /** The child takes a request back. */
  withdraw({ bytes, params }: ChildMessage): void {
    const span: Span | undefined = member(bytes, params, 'requestId')
    if (span === undefined) return
    const id = bytes.subarray(span.start, span.end)
    for (const [ask, asked] of this.#open) {
      if (!asked.id.equals(id)) continue
      this.#open.delete(ask)
      asked.peer.withdrawn(splice(bytes, [{ ...span, bytes: Buffer.from(String(ask)) }]), ask)
      return
    }
  }

  clear(): void {
    this.#open.clear()
  }

  // A child that asks on and on and reads nothing must not fill the memory with the refusals
  #refuse(id: Buffer, code: number, text: string): void {
    if (this.#child.queued <= this.#maxQueuedBytes) this.#child.write(refusal(id, code, text))
  }
}

function refusal(id: Buffer, code: number, message: string): Buffer {
  return response(id, { error: JSON.stringify({ code, message }) })
}

function response(id: Buffer, answer: RawAnswer): Buffer {
  return toLine(asBuffer(rawResponse(id, answer)), [])
}
