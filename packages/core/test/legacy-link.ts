// A legacy server without a process, and a modern client in front of it, for tests of the translation between them.

import {
  type EraAnswer,
  type EraLink,
  type EraLinkCall,
  type EraLinkListener,
  type EraNotification,
  type EraRequest,
  legacyServer,
  type ModernClient,
  type ModernExchange,
  type ModernReply,
  modernClient,
  type ParkedCallsOptions,
  readModernRequest,
} from '../src/eras.js'
import type { JsonRpcMessage } from '../src/index.js'

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const decode = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes))

/** A request that reached the server. */
export interface Arrived {
  readonly method: string
  readonly params: Record<string, unknown> | undefined
  /** What it was cancelled with. */
  cancelled?: string
  result(value: unknown): void
  error(code: number, message: string, data?: unknown): void
  related(method: string, params: unknown): void
  /** The link waits no longer, whatever the server does. */
  giveUp(): void
}

type Capabilities = Record<string, unknown>

/** A server that does what the test says. */
export class LegacyLink implements EraLink {
  listener: EraLinkListener = { notified: () => {}, asked: () => () => {}, ended: () => {} }
  readonly arrived: Arrived[] = []
  readonly told: { method: string; params: unknown }[] = []
  capabilities: Capabilities
  /** Answers what the test does not want to see. */
  auto: (arrived: Arrived) => boolean

  constructor(capabilities: Capabilities = { tools: {} }) {
    this.capabilities = capabilities
    this.auto = ({ method, result }) => {
      if (method === 'initialize') {
        result({ protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'fake', version: '1' } })
      } else if (['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'].includes(method))
        result({})
      else return false
      return true
    }
  }

  /** Of what reached it, the requests of this method. */
  of(method: string): Arrived[] {
    return this.arrived.filter((one) => one.method === method)
  }

  request({ method, params }: EraRequest, call: EraLinkCall): (reason: string) => void {
    const arrived: Arrived = {
      method,
      params: decode(params),
      result: (value) => call.answered({ result: encode(value) }),
      error: (code, message, data) => call.answered({ error: encode({ code, message, data }), code }),
      related: (method, params) => call.related({ method, params: encode(params) }),
      giveUp: () => call.answered({ error: encode({ code: -32603, message: 'too late' }), code: -32603 }, true),
    }
    this.arrived.push(arrived)
    queueMicrotask(() => this.auto(arrived))
    return (reason) => {
      arrived.cancelled = reason
    }
  }

  notify({ method, params }: EraNotification): void {
    this.told.push({ method, params: decode(params) })
  }

  /** The server says something unasked. */
  say(method: string, params?: unknown): void {
    this.listener.notified({ method, ...(params === undefined ? {} : { params: encode(params) }) })
  }

  /** The server asks; resolves with what it is told. */
  ask(method: string, params?: unknown): Asked {
    let withdraw: () => void = () => {}
    const answer = new Promise<Record<string, unknown>>((resolve) => {
      const request = { method, ...(params === undefined ? {} : { params: encode(params) }) }
      withdraw = this.listener.asked(request, (answer: EraAnswer) => {
        resolve('result' in answer ? { result: decode(answer.result) } : { error: decode(answer.error) })
      })
    })
    return { answer, withdraw: () => withdraw() }
  }
}

/** A question of the server. */
export interface Asked {
  readonly answer: Promise<Record<string, unknown>>
  withdraw(): void
}

/** What came of one POST. */
export class Posted implements ModernReply {
  readonly messages: JsonRpcMessage[] = []
  readonly answer: Promise<JsonRpcMessage>
  /** The code that decides about the HTTP status. */
  code: number | undefined
  refusedFor: string | undefined
  isLost = false
  exchange: ModernExchange | undefined
  #resolve: (message: JsonRpcMessage) => void = () => {}

  constructor() {
    this.answer = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  related(message: Uint8Array): void {
    this.messages.push(decode(message))
  }

  answered(message: Uint8Array, code?: number): void {
    this.code = code
    this.#resolve(decode(message))
  }

  inputRequired(message: Uint8Array): void {
    this.#resolve(decode(message))
  }

  refused(why: string): void {
    this.refusedFor = why
    this.#resolve({ jsonrpc: '2.0' })
  }

  lost(): void {
    this.isLost = true
    this.#resolve({ jsonrpc: '2.0' })
  }

  /** The client goes away. */
  leave(): void {
    this.exchange?.left(this)
  }
}

interface Sending {
  readonly id?: string | number
  readonly capabilities?: object
  readonly meta?: object
  readonly user?: string
  readonly audience?: string
  readonly scopes?: readonly string[]
}

const key = (name: string) => `io.modelcontextprotocol/${name}`

/** A modern client and a legacy server, joined. */
export class Joined {
  readonly link: LegacyLink
  readonly client: ModernClient
  /** Calls that the server is not needed for any more. */
  over = 0
  readonly #server: ReturnType<typeof legacyServer>

  constructor(link: LegacyLink = new LegacyLink(), options: ParkedCallsOptions = {}, capabilities: object = {}) {
    this.link = link
    this.client = modernClient(options)
    this.#server = legacyServer({ link, capabilities: encode(capabilities) })
  }

  /** Sends a request, the retry of one where `params` has a `requestState`; resolves once it is on its way. */
  async send(method: string, params: Record<string, unknown> = {}, options: Sending = {}): Promise<Posted> {
    const { id = 1, capabilities = {}, meta = {}, user = 'alice', audience = 'https://mcp.example', scopes } = options
    const _meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: capabilities, ...meta }
    const request = readModernRequest(encode({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }), method)
    const owner = { principal: user, audience, scopes }
    const reply = new Posted()
    if (params.requestState !== undefined) {
      reply.exchange = await this.client.resume(request, owner, reply)
      return reply
    }
    const info = await this.#server.discover()
    if ('error' in info) throw new Error('The server refuses')
    const over = () => {
      this.over++
    }
    reply.exchange = this.client.serve({ server: this.#server, info, request, owner, reply, over })
    // The request reaches the server in a later turn
    await new Promise((resolve) => setTimeout(resolve))
    return reply
  }

  tool(name: string, options: Sending = {}, more: Record<string, unknown> = {}): Promise<Posted> {
    return this.send('tools/call', { name, arguments: {}, ...more }, options)
  }
}

/** What an answer asks for. */
interface Round {
  readonly requestState: string
  readonly inputRequests: Record<string, { method: string; params?: unknown }>
}

export function asked(message: JsonRpcMessage): Round & { readonly keys: string[] } {
  const { resultType, requestState, inputRequests } = message.result as Round & { resultType: string }
  if (resultType !== 'input_required') throw new Error(`Nothing is asked: ${JSON.stringify(message)}`)
  return { requestState, inputRequests, keys: Object.keys(inputRequests) }
}
