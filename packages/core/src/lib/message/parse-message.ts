import type { Era, JsonRpcMessage, Message } from '../message.js'
import { readEnvelope } from './envelope.js'
import { MessageError } from './message-error.js'

/** Below this size a whole parse costs no more than looking for the envelope. */
const scanFrom = 16_384
const firstModern = '2026-07-28'
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** How to read a message. */
export interface ParseMessageOptions {
  /** The revision that the request's header names, or that was agreed on; decides the era. */
  readonly protocolVersion?: string
}

/**
 * Reads the envelope of one JSON-RPC message: which kind it is, its id, its method, what it is about. It keeps the
 * bytes. A large response is not parsed, only its envelope is looked for, so what is inside of it is not checked;
 * `json()` does that. It does not compare headers with the body, which is the work of `message`.
 *
 * @throws {GatewayError} `invalid_request` when the bytes are not JSON, or not one JSON-RPC 2.0 message
 * @example
 * ```ts
 * const message = parseMessage(new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"result":{}}'))
 * message.kind // 'response'
 * ```
 */
export function parseMessage(bytes: Uint8Array, options: ParseMessageOptions = {}): Message {
  if (bytes.length >= scanFrom) {
    const envelope = readEnvelope(bytes)
    if (envelope !== undefined) return new ByteMessage(bytes, undefined, { kind: 'response', id: envelope.id }, options)
  }
  const json = parseJson(bytes)
  return fromJson(bytes, json, options)
}

/** Makes a message from a parsed one that is known to be what the bytes say. */
export function fromJson(bytes: Uint8Array, json: unknown, options: ParseMessageOptions = {}): Message {
  const envelope = classify(json)
  return new ByteMessage(bytes, json as JsonRpcMessage, envelope, options)
}

/** Parses UTF-8 JSON, or throws with code -32700. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    throw new MessageError(-32700, 'The body is not JSON in UTF-8')
  }
}

interface Classified {
  readonly kind: Message['kind']
  readonly id?: string | number | null
  readonly method?: string
}

// JSON-RPC 2.0 sections 4 and 5
function classify(json: unknown): Classified {
  if (Array.isArray(json)) throw new MessageError(-32600, 'A batch is not accepted here; send one message per request')
  if (typeof json !== 'object' || json === null) throw new MessageError(-32600, 'The message must be a JSON object')
  const { jsonrpc, id, method, params, result, error } = json as Record<string, unknown>
  const readable = typeof id === 'string' || typeof id === 'number' ? id : null
  const refuse = (why: string) => new MessageError(-32600, why, { id: readable })
  if (jsonrpc !== '2.0') throw refuse('"jsonrpc" must be "2.0"')
  if (method !== undefined) {
    if (typeof method !== 'string') throw refuse('"method" must be a string')
    if (result !== undefined || error !== undefined)
      throw refuse('A message has "method", "result" or "error", not two')
    if (params !== undefined && (typeof params !== 'object' || params === null || Array.isArray(params))) {
      throw refuse('"params" must be an object')
    }
    if (id === undefined) return { kind: 'notification', method }
    // MCP base protocol: "the ID MUST NOT be null"
    if (readable === null) throw refuse('"id" must be a string or a number')
    return { kind: 'request', id: readable, method }
  }
  if ((result === undefined) === (error === undefined)) throw refuse('A message needs "method", "result" or "error"')
  if (id !== null && readable === null && !(id === undefined && error !== undefined)) {
    throw refuse('"id" must be a string or a number')
  }
  return { kind: 'response', id: readable }
}

class ByteMessage implements Message {
  readonly bytes: Uint8Array
  readonly kind: Message['kind']
  readonly id?: string | number | null
  readonly method?: string
  readonly name?: string
  readonly protocolVersion: string
  readonly era: Era
  #json: JsonRpcMessage | undefined

  constructor(bytes: Uint8Array, json: JsonRpcMessage | undefined, envelope: Classified, options: ParseMessageOptions) {
    this.bytes = bytes
    this.#json = json
    this.kind = envelope.kind
    this.id = envelope.id
    this.method = envelope.method
    this.name = subject(json)
    this.protocolVersion = options.protocolVersion ?? declaredVersion(json) ?? '2025-03-26'
    this.era = eraOf(this.protocolVersion)
  }

  json(): JsonRpcMessage {
    this.#json ??= parseJson(this.bytes) as JsonRpcMessage
    return this.#json
  }

  with(message: JsonRpcMessage): Message {
    return fromJson(encoder.encode(JSON.stringify(message)), message, { protocolVersion: this.protocolVersion })
  }
}

/** The era of a protocol revision; what is no date is legacy. */
export function eraOf(protocolVersion: string): Era {
  return /^\d{4}-\d{2}-\d{2}$/.test(protocolVersion) && protocolVersion >= firstModern ? 'modern' : 'legacy'
}

/** The revision that a request declares in its body: in `_meta` (modern) or as `initialize` does (legacy). */
function declaredVersion(json: JsonRpcMessage | undefined): string | undefined {
  const meta = json?.params?._meta as Record<string, unknown> | null | undefined
  const declared =
    meta?.['io.modelcontextprotocol/protocolVersion'] ??
    (json?.method === 'initialize' ? json.params?.protocolVersion : undefined)
  return typeof declared === 'string' ? declared : undefined
}

/** Which parameter `Mcp-Name` mirrors, by method (MCP M8). */
const nameParameter: Record<string, string> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

function subject(json: JsonRpcMessage | undefined): string | undefined {
  const parameter = json?.method === undefined ? undefined : nameParameter[json.method]
  const value = parameter === undefined ? undefined : json?.params?.[parameter]
  return typeof value === 'string' ? value : undefined
}
