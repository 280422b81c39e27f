import type { Era, JsonRpcMessage, Message } from '../contract/message.js'
import { hasMoreValues } from '../json/has-more-values.js'
import { maxParsedValues, parseSpan } from '../json/raw-json.js'
import { errorCodes } from '../protocol/error-codes.js'
import { metaKeys } from '../protocol/meta-keys.js'
import { assumedVersion, eraOf } from '../protocol/revisions.js'
import { KeptJson } from './kept-json.js'
import { MessageError } from './message-error.js'
import { messageKind, typeOfValue } from './message-kind.js'
import { messageParts, similarMember } from './message-parts.js'
import { subjectOf } from './subjects.js'

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
  const json = parseJson(text)
  const envelope = classify(json)
  const flaw = nameFlaw(bytes, text, json as object)
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
function nameFlaw(bytes: Uint8Array, text: string, json: object): string | undefined {
  const similar = similarMember(json)
  if (similar !== undefined) return `The message has a member that some readers take for "${similar}"`
  const mayRepeat = text.includes('\\u') || Object.keys(json).some((key) => isTwiceIn(text, `"${key}"`))
  const parts = mayRepeat ? messageParts(bytes) : undefined
  return parts !== undefined && 'why' in parts ? parts.why : undefined
}

function isTwiceIn(text: string, part: string): boolean {
  const first = text.indexOf(part)
  return first !== -1 && text.indexOf(part, first + part.length) !== -1
}

/** Makes a message from a parsed one that is known to be what the bytes say. */
export function fromJson(bytes: Uint8Array, json: unknown, options: ParseMessageOptions = {}): Message {
  const envelope = classify(json)
  return new ByteMessage(bytes, json as JsonRpcMessage, envelope, options)
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
  const refuse = (why: string) => new MessageError(errorCodes.invalidRequest, why, { id: readable })
  if (jsonrpc !== '2.0') throw refuse('"jsonrpc" must be "2.0"')
  if (result !== undefined && error !== undefined) throw refuse('A message has "result" or "error", not both')
  const kind = messageKind(idType, typeOfValue(method), typeOfValue(result), typeOfValue(error))
  if (typeof kind === 'object') throw refuse(kind.why)
  if (kind === 'response') return { kind, id: readable }
  if (params !== undefined && typeOfValue(params) !== 'object') throw refuse('"params" must be an object')
  return kind === 'request' ? { kind, id: readable, method: method as string } : { kind, method: method as string }
}

class ByteMessage implements Message {
  readonly bytes: Uint8Array
  readonly kind: Message['kind']
  readonly id?: string | number | null
  readonly method?: string
  readonly name?: string
  readonly protocolVersion: string
  readonly era: Era
  readonly #json: KeptJson<JsonRpcMessage>

  constructor(bytes: Uint8Array, json: JsonRpcMessage | undefined, envelope: Classified, options: ParseMessageOptions) {
    this.bytes = bytes
    this.#json = new KeptJson(bytes.length, json)
    this.kind = envelope.kind
    this.id = envelope.id
    this.method = envelope.method
    this.name = envelope.method === undefined ? undefined : subjectOf(envelope.method, json?.params)
    this.protocolVersion = options.protocolVersion ?? declaredVersion(json) ?? assumedVersion
    // Whatever revision it names, a server of the legacy era answers it with one that it has (MCP 2026-07-28, versioning)
    const isStart = envelope.kind === 'request' && envelope.method === 'initialize'
    this.era = eraOf(isStart ? (metaVersion(json) ?? assumedVersion) : this.protocolVersion)
  }

  json(): JsonRpcMessage {
    return this.#json.get() ?? this.#json.set(parseJson(decode(this.bytes)) as JsonRpcMessage)
  }

  with(message: JsonRpcMessage): Message {
    return fromJson(encoder.encode(JSON.stringify(message)), message, { protocolVersion: this.protocolVersion })
  }
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
