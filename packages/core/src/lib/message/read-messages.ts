import type { Message } from '../contract/message.js'
import { isIllFormed } from '../json/fold-name.js'
import { hasMoreValues } from '../json/has-more-values.js'
import { splitArray } from '../json/split-array.js'
import { errorCodes } from '../protocol/error-codes.js'
import { metaKeys } from '../protocol/meta-keys.js'
import { clientMethods, isLegacyMethod } from '../protocol/methods.js'
import { assumedVersion, eraOf, factsOf } from '../protocol/revisions.js'
import { checkJson } from './check-json.js'
import { MessageError } from './message-error.js'
import { checkModernHeaders } from './modern-headers.js'
import { fromJson } from './parse-message.js'
import { similarMethod, subjectsOf } from './subjects.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Limits on what a client sends. */
export interface ReadLimits {
  readonly maxDepth: number
  readonly maxBatch: number
  readonly maxValues: number
  readonly protocolVersions: readonly string[]
}

/** The message of a POST body, or the messages of a batch. */
export type Incoming = Message | readonly Message[]

/**
 * Reads what a client posted, strictly: everything that two readers could understand differently is refused.
 *
 * @throws {MessageError} with the JSON-RPC code that MCP asks for
 */
export function readMessages(bytes: Uint8Array, headers: Headers, limits: ReadLimits): Incoming {
  if (hasMoreValues(bytes, limits.maxValues)) {
    throw new MessageError(
      errorCodes.invalidRequest,
      `The body has more than ${limits.maxValues} values; send less at a time`,
    )
  }
  const { text, json } = parse(bytes)
  const flaw = checkJson(text, limits.maxDepth)
  if (flaw !== undefined) throw new MessageError(errorCodes.invalidRequest, flaw)
  const header = headers.get('mcp-protocol-version')?.trim()
  if (Array.isArray(json)) return readBatch(bytes, json, header, limits)
  const message = fromJson(bytes, json, { protocolVersion: header })
  checkVersion(message, header, limits.protocolVersions)
  const isModern = message.era === 'modern' || isDeclaredModern(message)
  if (isModern) checkModernHeaders(message, headers)
  checkSubject(message, isModern || message.kind !== 'request' ? undefined : headers)
  return message
}

/**
 * Whether a client reads the body of a 200, as one of Streamable HTTP does, which must accept both types (MCP transports,
 * sending messages). One of HTTP+SSE reads its answers from the other stream, and would wait for ever.
 */
function readsAnswers(headers: Headers): boolean {
  return headers.get('accept')?.toLowerCase().includes('text/event-stream') ?? false
}

/**
 * Refuses a message whose subject a rule could not see, or would see otherwise than some servers do.
 *
 * @param legacy the headers of a legacy request: a client of Streamable HTTP reads what is wrong with its subject from a
 *   200 alone
 */
function checkSubject(message: Message, legacy?: Headers): void {
  const { method, id = null } = message
  if (method === undefined) return
  if (!clientMethods.has(method)) {
    const meant = similarMethod(method)
    if (meant !== undefined)
      throw new MessageError(errorCodes.invalidRequest, `The method must be written "${meant}"`, { id })
    if (method.includes('\0') || isIllFormed(method)) {
      throw new MessageError(errorCodes.invalidRequest, '"method" must be well-formed Unicode without NUL', { id })
    }
  }
  const subjects = subjectsOf(method, message.json().params)
  if (!('why' in subjects)) return
  // The modern era has no such method, as the server says (-32601); rules behind refuse what names nothing
  const namesNothing = Object.keys(message.json().params ?? {}).every((key) => key === '_meta')
  if (message.era === 'modern' && isLegacyMethod(method) && namesNothing) return
  const httpStatus = legacy !== undefined && readsAnswers(legacy) ? 200 : 400
  throw new MessageError(errorCodes.invalidParams, subjects.why, { id, httpStatus })
}

function parse(bytes: Uint8Array): { text: string; json: unknown } {
  try {
    const text = decoder.decode(bytes)
    return { text, json: JSON.parse(text) }
  } catch {
    throw new MessageError(errorCodes.parseError, 'The body is not JSON in UTF-8')
  }
}

function checkVersion(message: Message, header: string | undefined, supported: readonly string[]): void {
  // Before `initialize` nothing is agreed on, so a header is not binding there
  if (message.method === 'initialize' && message.era === 'legacy') return
  if (header === undefined || supported.includes(header)) return
  // A request that declares its revision in itself can go on with a modern one; what the server behind has beside
  // those, it says itself.
  const stateless = declaredIn(message) !== undefined
  const revisions = stateless ? supported.filter((version) => eraOf(version) === 'modern') : supported
  // M7, L8
  throw new MessageError(
    errorCodes.unsupportedVersion,
    `MCP-Protocol-Version ${header.slice(0, 50)} is not supported`,
    {
      id: message.kind === 'request' ? message.id : null,
      data: { supported: revisions, requested: header.slice(0, 50) },
    },
  )
}

function isDeclaredModern(message: Message): boolean {
  const declared = declaredIn(message)
  return declared !== undefined && eraOf(declared) === 'modern'
}

function declaredIn(message: Message): string | undefined {
  if (message.kind !== 'request') return undefined
  const meta = message.json().params?._meta as Record<string, unknown> | null | undefined
  const declared = meta?.[metaKeys.protocolVersion]
  return typeof declared === 'string' ? declared : undefined
}

function readBatch(
  bytes: Uint8Array,
  items: readonly unknown[],
  header: string | undefined,
  limits: ReadLimits,
): readonly Message[] {
  const version = header ?? assumedVersion
  // L1
  if (!factsOf(version).hasBatches) {
    throw new MessageError(
      errorCodes.invalidRequest,
      `A batch is not accepted in revision ${version.slice(0, 50)}; send one message`,
    )
  }
  if (items.length === 0) throw new MessageError(errorCodes.invalidRequest, 'The batch is empty')
  if (items.length > limits.maxBatch) {
    throw new MessageError(
      errorCodes.invalidRequest,
      `The batch has more than ${limits.maxBatch} messages; send fewer at a time`,
    )
  }
  const ids = new Set<unknown>()
  const parts = splitArray(bytes)
  return items.map((item, index) => {
    // A copy: one of them may be kept longer than the body
    const message = fromJson((parts[index] as Uint8Array).slice(), item, { protocolVersion: version })
    if (message.method === 'initialize')
      throw new MessageError(errorCodes.invalidRequest, '"initialize" must not be part of a batch')
    if (isDeclaredModern(message))
      throw new MessageError(errorCodes.invalidRequest, 'This revision has no batches; send one message')
    checkSubject(message)
    if (message.kind === 'request') {
      if (ids.has(message.id))
        throw new MessageError(errorCodes.invalidRequest, 'Two requests of the batch have the same id')
      ids.add(message.id)
    }
    return message
  })
}
