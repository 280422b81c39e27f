import type { Context } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import { isObject } from '../json/is-object.js'
import { type PersonalData, redact } from '../logging/redact.js'
import { metaKeys } from '../protocol/meta-keys.js'
import { cutText, fit, safeText } from './safe-text.js'

/** What is told of a call beside its record. */
export interface CallFacts {
  readonly protocolVersion?: string
  readonly clientName?: string
  readonly clientVersion?: string
  /** Of the message, where it tells one; it goes before the header. */
  readonly traceparent?: string
  readonly argumentKeys?: readonly string[]
  readonly arguments?: string
  result?: string
  truncated?: boolean
  /** When the answer came by, on the clock of `performance.now()`. */
  answeredAt?: number
  /** Whether the client withdrew the request, or went away. */
  isCancelled(): boolean
  /** Whether it is answered by a stream. */
  isStream: boolean
}

/** What is kept of the contents of calls. */
export interface ContentOptions {
  readonly arguments: boolean
  readonly results: boolean
  /** Bytes of arguments, and of a result. */
  readonly maxContentBytes: number
  readonly personalData: PersonalData
}

const maxKeys = 64
const maxKey = 128
const maxName = 200

/** Reads what an event says of a message. */
export function factsOf(message: Message, options: ContentOptions, isCancelled: CallFacts['isCancelled']): CallFacts {
  const { params } = message.json()
  const meta = isObject(params?._meta) ? params._meta : {}
  const client = message.method === 'initialize' ? params?.clientInfo : meta[metaKeys.clientInfo]
  const { name, version } = isObject(client) ? client : {}
  const given = params?.arguments
  const content = options.arguments && given !== undefined ? contentOf(given, message.bytes.length, options) : undefined
  return {
    protocolVersion: message.protocolVersion?.slice(0, 50),
    clientName: textOf(name, options),
    clientVersion: textOf(version, options),
    traceparent: typeof meta.traceparent === 'string' ? meta.traceparent : undefined,
    argumentKeys: isObject(given) ? keysOf(given, options) : undefined,
    arguments: content?.text,
    result: undefined,
    truncated: content?.truncated,
    answeredAt: undefined,
    isCancelled,
    isStream: false,
  }
}

/** Adds the result to what is known of a call. */
export function addResult(facts: CallFacts, response: Message, options: ContentOptions): void {
  const isLarge = response.bytes.length > maxSearched
  const { result } = isLarge ? { result: null } : response.json()
  if (result === undefined) return
  const { text, truncated } = contentOf(result, response.bytes.length, options)
  facts.result = text
  if (truncated) facts.truncated = true
}

function textOf(value: unknown, { personalData }: ContentOptions): string | undefined {
  return typeof value === 'string' ? safeText(value, maxName, personalData) : undefined
}

function keysOf(given: Readonly<Record<string, unknown>>, { personalData }: ContentOptions): string[] {
  const keys: string[] = []
  for (const key in given) {
    if (keys.length === maxKeys) break
    if (Object.hasOwn(given, key)) keys.push(safeText(key, maxKey, personalData))
  }
  return keys
}

const encoder = new TextEncoder()

/** A larger message is not looked through for credentials, which would take longer than all else about it. */
const maxSearched = 262_144

/** JSON without credentials, which are removed before it is cut. */
function contentOf(
  value: unknown,
  messageBytes: number,
  options: ContentOptions,
): { readonly text: string; readonly truncated: boolean } {
  if (messageBytes > maxSearched) return { text: `[of a message of ${messageBytes} bytes]`, truncated: true }
  const { maxContentBytes, personalData } = options
  // What is cut within a text of JSON shows its cut; it need not be JSON any more
  const text = fit(JSON.stringify(redact(value, personalData)) ?? '')
  // No character takes more than three bytes for each of its units
  if (text.length * 3 <= maxContentBytes) return { text, truncated: false }
  const { read } = encoder.encodeInto(text, new Uint8Array(maxContentBytes))
  return read === text.length ? { text, truncated: false } : { text: cutText(text, read), truncated: true }
}

/** Names a request for the message that withdraws it: by who sent it, in which session, under which id. */
export function callKey(request: Request, { auth }: Context, id: unknown): string {
  const session = request.headers.get('mcp-session-id') ?? ''
  return JSON.stringify([auth?.clientId, auth?.extra?.issuer, auth?.extra?.subject, session, id])
}
