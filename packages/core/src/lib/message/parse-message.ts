import type { Era, JsonRpcMessage, Message } from '../contract/message.js'
import { hasMoreValues } from '../json/has-more-values.js'
import { maxParsedValues, parseSpan } from '../json/raw-json.js'
import { errorCodes } from '../protocol/error-codes.js'
import { metaKeys } from '../protocol/meta-keys.js'
import { assumedVersion, eraOf } from '../protocol/revisions.js'
import { type KnownMember, known, type ScannedMessage, scanKnownMembers } from './known-members.js'
import { MessageError } from './message-error.js'
import { messageKind, typeOfValue } from './message-kind.js'
import { countMembers, messageParts } from './message-parts.js'
import { parseUsual } from './parse-usual.js'
import { subjectOf } from './subjects.js'

/** Up to this many bytes a message keeps what it was parsed to. */
const keptUpTo = 4096
/** From here on a response is not parsed: its members are told apart without looking into them. */
const scanFrom = 16_384
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** How to read a message. */
export interface ParseMessageOptions {
  /** The revision that the request's header names, or that was agreed on; decides the era. */
  readonly protocolVersion?: string
}

/**
 * Reads the envelope of one JSON-RPC message: which kind it is, its id, its method, what it is about. It keeps the
 * bytes, and of a message over 4 KiB not what it was parsed to. A large response is not parsed, only its members are told
 * apart, so what is inside of them is not checked; `json()` does that. A member of the envelope that is there twice, or
 * that differs from one of the protocol in case or by a NUL only, makes it no message, since two readers would differ
 * about what it is. It does not compare headers with the body, which is the work of `message`.
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
    const response = readResponse(bytes)
    if (response !== undefined) return new ByteMessage(bytes, undefined, response, options)
  }
  const text = decode(bytes)
  const usual = parseUsual(text)
  const json = usual ?? parseJson(text)
  const envelope = classify(json)
  const flaw = usual === undefined ? nameFlaw(bytes, json as Record<string, unknown>) : undefined
  if (flaw !== undefined) throw new MessageError(errorCodes.invalidRequest, flaw, { id: envelope.id ?? null })
  return new ByteMessage(bytes, json as JsonRpcMessage, envelope, options)
}

/** The envelope of a response whose values are not looked into; `undefined` for what has to be parsed. */
function readResponse(bytes: Uint8Array): Classified | undefined {
  const parts = messageParts(bytes)
  if ('why' in parts || parts.kind !== 'response' || parseSpan(bytes, parts.jsonrpc) !== '2.0') return undefined
  if (parts.result !== undefined && parts.error !== undefined) return undefined
  return { kind: 'response', id: (parseSpan(bytes, parts.id) as string | number | null | undefined) ?? null }
}

/** What is wrong with the names of its members. `JSON.parse` does not tell which ones were there twice. */
function nameFlaw(bytes: Uint8Array, json: Record<string, unknown>): string | undefined {
  const { jsonrpc, id, method, params, result, error } = json
  let known = 0
  for (const value of [jsonrpc, id, method, params, result, error]) if (value !== undefined) known++
  // Each of them once, and no others
  if (countMembers(bytes) === known) return undefined
  const parts = messageParts(bytes)
  return 'why' in parts ? parts.why : undefined
}

/** Makes a message from a parsed one that is known to be what the bytes say. */
export function fromJson(bytes: Uint8Array, json: unknown, options: ParseMessageOptions = {}): Message {
  const envelope = classify(json)
  return new ByteMessage(bytes, json as JsonRpcMessage, envelope, options)
}

/** The message with other bytes, of which it is known that their envelope is the same. */
export function withBytes({ kind, id, method, protocolVersion }: Message, bytes: Uint8Array): Message {
  return new ByteMessage(bytes, undefined, { kind, id, method }, { protocolVersion })
}

/** Reads UTF-8, or throws with code -32700; with -32600 where it has more values than memory should be spent on. */
function decode(bytes: Uint8Array): string {
  if (hasMoreValues(bytes, maxParsedValues)) {
    throw new MessageError(errorCodes.invalidRequest, `The message has more than ${maxParsedValues} values`)
  }
  try {
    return decoder.decode(bytes)
  } catch {
    throw notJson()
  }
}

/** Parses JSON, or throws with code -32700. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notJson()
  }
}

function notJson(): MessageError {
  return new MessageError(errorCodes.parseError, 'The body is not JSON in UTF-8')
}

interface Classified {
  readonly kind: Message['kind']
  readonly id?: string | number | null
  readonly method?: string
}

function classify(json: unknown): Classified {
  if (Array.isArray(json))
    throw new MessageError(errorCodes.invalidRequest, 'A batch is not accepted here; send one message per request')
  if (typeof json !== 'object' || json === null)
    throw new MessageError(errorCodes.invalidRequest, 'The message must be a JSON object')
  const { jsonrpc, id, method, params, result, error } = json as Record<string, unknown>
  const idType = typeOfValue(id)
  const readable = idType === 'string' || idType === 'number' ? (id as string | number) : null
  if (jsonrpc !== '2.0') throw noMessage('"jsonrpc" must be "2.0"', readable)
  if (result !== undefined && error !== undefined)
    throw noMessage('A message has "result" or "error", not both', readable)
  const kind = messageKind(idType, typeOfValue(method), typeOfValue(result), typeOfValue(error))
  if (typeof kind === 'object') throw noMessage(kind.why, readable)
  if (kind === 'response') return { kind, id: readable }
  if (params !== undefined && typeOfValue(params) !== 'object') throw noMessage('"params" must be an object', readable)
  return kind === 'request' ? { kind, id: readable, method: method as string } : { kind, method: method as string }
}

function noMessage(why: string, id: string | number | null): MessageError {
  return new MessageError(errorCodes.invalidRequest, why, { id })
}

class ByteMessage implements ScannedMessage {
  readonly bytes: Uint8Array
  readonly kind: Message['kind']
  readonly id?: string | number | null
  readonly method?: string
  readonly name?: string
  readonly protocolVersion: string
  readonly era: Era
  #json: JsonRpcMessage | undefined
  // A parsed message takes up to a hundred times its bytes, and requests wait: that of a large message is kept only as
  // long as somebody else uses it, or until memory is needed
  #weak: WeakRef<JsonRpcMessage> | undefined
  #known: readonly KnownMember[] | undefined

  constructor(bytes: Uint8Array, json: JsonRpcMessage | undefined, envelope: Classified, options: ParseMessageOptions) {
    this.bytes = bytes
    if (bytes.length <= keptUpTo) this.#json = json
    else if (json !== undefined) this.#weak = weakly(json)
    this.kind = envelope.kind
    this.id = envelope.id
    this.method = envelope.method
    this.name = envelope.method === undefined ? undefined : subjectOf(envelope.method, json?.params)
    this.protocolVersion = options.protocolVersion ?? declaredVersion(json) ?? assumedVersion
    // Whatever revision it names, a server of the legacy era answers it with one that it has (MCP 2026-07-28, versioning)
    const isStart = envelope.kind === 'request' && envelope.method === 'initialize'
    this.era = eraOf(isStart ? (metaVersion(json) ?? assumedVersion) : this.protocolVersion)
  }

  get [known](): readonly KnownMember[] {
    this.#known ??= scanKnownMembers(this.bytes)
    return this.#known
  }

  json(): JsonRpcMessage {
    const kept = this.#json ?? this.#weak?.deref()
    if (kept !== undefined) return kept
    const json = parseJson(decode(this.bytes)) as JsonRpcMessage
    this.#weak = weakly(json)
    return json
  }

  with(message: JsonRpcMessage): Message {
    return fromJson(encoder.encode(JSON.stringify(message)), message, { protocolVersion: this.protocolVersion })
  }
}

// A runtime without weak references parses a large message each time
function weakly(json: JsonRpcMessage): WeakRef<JsonRpcMessage> | undefined {
  return typeof WeakRef === 'function' ? new WeakRef(json) : undefined
}

/** The revision that a request declares in its body: in `_meta` (modern) or as `initialize` does (legacy). */
function declaredVersion(json: JsonRpcMessage | undefined): string | undefined {
  const declared = metaVersion(json) ?? (json?.method === 'initialize' ? json.params?.protocolVersion : undefined)
  return typeof declared === 'string' ? declared : undefined
}

function metaVersion(json: JsonRpcMessage | undefined): string | undefined {
  const meta = json?.params?._meta as Record<string, unknown> | null | undefined
  const declared = meta?.[metaKeys.protocolVersion]
  return typeof declared === 'string' ? declared : undefined
}
