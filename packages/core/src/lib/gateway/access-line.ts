import { BoundedMap } from '../cache/bounded-map.js'
import type { ShadowDecision } from '../contract/policy.js'
import type { RequestRecord, RequestRefusal } from '../contract/request-record.js'
import { BytesResponse } from '../http/bytes-response.js'
import { isObject } from '../json/is-object.js'
import { loggedUrl } from '../text/logged-url.js'
import { traceOf } from '../text/trace-parent.js'
import { actorOf } from '../tokens/principal.js'

/** What the line says beside the record. */
export interface AccessLineOptions {
  readonly service: string
  /** Makes of a user's id what stands in the log. */
  readonly userHash: (userId: string) => string
  /** What the answer says of an error. */
  readonly error: AnsweredError | undefined
}

/** An OAuth error or a JSON-RPC error, as the client gets it. */
export interface AnsweredError {
  readonly code: string | number
  readonly reason?: string
}

/**
 * Makes the fields of a request's one line in the log. Who it was is a short keyed hash, so that one person's lines can be
 * found together without the log naming them; bodies, arguments and query strings are not in it.
 */
export function accessFields(
  record: RequestRecord,
  { service, userHash, error }: AccessLineOptions,
): Record<string, unknown> {
  const { auth, message, clientAddress, resource, status = 0, times, traceparent, upstream, refusal, session } = record
  const fields: Record<string, unknown> = {
    service,
    request_id: record.requestId,
    http_method: record.method,
    path: record.path,
    status,
    latency_ms: rounded((times.firstByte ?? performance.now()) - times.start),
    decision: record.decision,
  }
  if (upstream !== undefined) {
    fields.upstream = upstream.server
    fields.upstream_ms = rounded(upstream.duration)
  }
  if (clientAddress !== undefined) fields.client_address = clientAddress
  if (resource !== undefined) fields.resource = shownUrl(resource)
  if (auth !== undefined) {
    const actor = actorOf(auth)
    if (actor?.kind === 'user') fields.user_sub = userHash(actor.id)
    fields.client_id = shownText(auth.clientId)
  } else if (record.clientId !== undefined) fields.client_id = shownText(record.clientId)
  if (session !== undefined) fields.session = session
  if (message?.method !== undefined) {
    fields.method = message.method
    if (message.target !== undefined) fields.target = shownText(message.target)
  }
  const trace = record.trace ?? traceOf(traceparent)
  if (trace !== undefined) {
    fields.trace_id = trace.traceId
    fields.span_id = trace.spanId
  }
  if (record.policies !== undefined) fields.policies = shown(record.policies)
  if (record.shadow !== undefined) addShadow(fields, record.shadow)
  if (status >= 400 || refusal !== undefined) addRefusal(fields, record, error)
  return fields
}

/** Reads the error of an answer whose body is known as a whole; what an upstream has written is read for its code alone. */
export function answeredError(response: Response): AnsweredError | undefined {
  if (response.status < 400) return undefined
  const content = BytesResponse.contentOf(response)
  if (content === undefined || content.length > 8192) return undefined
  try {
    const { error, error_description: description } = JSON.parse(
      typeof content === 'string' ? content : new TextDecoder().decode(content),
    )
    const isOurs = typeof content === 'string'
    if (isObject(error) && typeof error.code === 'number') {
      return { code: error.code, ...(isOurs && { reason: String(error.message) }) }
    }
    if (typeof error !== 'string') return undefined
    return { code: shownText(error), ...(isOurs && typeof description === 'string' && { reason: description }) }
  } catch {
    return undefined
  }
}

function addRefusal(
  fields: Record<string, unknown>,
  { auth, refusal }: RequestRecord,
  error: AnsweredError | undefined,
): void {
  const code = error?.code ?? refusal?.code
  if (code !== undefined) fields.error_code = code
  const reason = refusal?.reason ?? error?.reason
  if (reason !== undefined) fields.reason = reason
  if (refusal === undefined) return
  fields.refused_by = refusal.by
  if (refusal.code !== code) fields.refusal = refusal.code
  if (auth !== undefined && refusal.scopes !== undefined) {
    const missing = refusal.scopes.filter((scope) => !(auth.scopes ?? []).includes(scope))
    if (missing.length > 0) fields.missing_scopes = missing
  }
  Object.assign(fields, causeFields(refusal.cause))
}

/** What a policy that is tried out would have decided. */
function addShadow(fields: Record<string, unknown>, { allow, reason, policies }: ShadowDecision): void {
  fields.shadow_decision = allow ? 'allow' : 'deny'
  if (reason !== undefined) fields.shadow_reason = shownText(reason)
  if (policies !== undefined) fields.shadow_policies = shown(policies)
}

/** What was seen of a token and what was expected. Both may be as long as a header, and be written by a stranger. */
function causeFields(cause: RequestRefusal['cause']): Record<string, unknown> {
  if (Array.isArray(cause)) return { causes: cause.slice(0, maxItems).map(causeOf) }
  if (cause instanceof Error) return { cause: cause.message }
  if (!isObject(cause) || !('seen' in cause)) return {}
  const { seen, expected } = cause
  return { seen: shown(seen), ...(expected !== undefined && { expected: shown(expected) }) }
}

/** Why one of several verifiers refused. */
function causeOf(error: unknown): Record<string, unknown> {
  const { message, cause } = Object(error) as { message?: unknown; cause?: unknown }
  return { reason: shown(message), ...causeFields(cause) }
}

const maxItems = 10
const maxText = 200

function shown(value: unknown): unknown {
  if (typeof value === 'string') return shownText(value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (Array.isArray(value))
    return value.slice(0, maxItems).map((item) => (Array.isArray(item) ? 'a list' : shown(item)))
  return value === undefined ? 'nothing' : `a value of type ${typeof value}`
}

function shownText(text: string): string {
  const short = text.length > maxText ? `${text.slice(0, maxText)}…` : text
  return short.includes('://') ? shownUrl(short) : short
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}

/** The same few are in each line, and to look for keys in one takes longer than the rest of the line. */
const knownUrls = new BoundedMap<string>(200)

function shownUrl(url: string): string {
  const before = knownUrls.get(url)
  if (before !== undefined) return before
  const text = loggedUrl(url)
  knownUrls.set(url, text)
  return text
}
