import type { AuthInfo } from '../contract/auth-info.js'
import type { RequestRecord, RequestRefusal } from '../contract/request-record.js'
import { isObject } from '../json/is-object.js'
import type { PersonalData } from '../logging/redact.js'
import { traceOf } from '../text/trace-parent.js'
import type { AuditEvent, AuditEventType, AuditOutcome } from './audit-event.js'
import type { CallFacts } from './call-facts.js'
import { fit, idText, safeText } from './safe-text.js'

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

/** What all events of a process share. */
export interface EventOptions {
  readonly nextId: () => string
  readonly replica: string
  readonly wants: (type: AuditEventType, outcome: AuditOutcome, record: RequestRecord) => boolean
  readonly personalData: PersonalData
  readonly tenant?: (auth: AuthInfo | undefined, record: RequestRecord) => string | undefined
}

export const longest = { name: 256, id: 256, reason: 1000, userAgent: 256, method: 128, list: 20 }

/**
 * Makes the event of a request, or of one message of a batch.
 *
 * @returns `undefined` where there is none to be kept
 */
export function eventOfRecord(
  record: RequestRecord,
  facts: CallFacts | undefined,
  options: EventOptions,
): AuditEvent | undefined {
  const { personalData, tenant } = options
  const { message, refusal, auth, times, upstream, answer, policies } = record
  const outcome = outcomeOf(record, facts)
  const type = typeOf(record, outcome)
  if (!options.wants(type, outcome, record)) return undefined
  const method = message?.method
  const end = facts?.answeredAt ?? times.end ?? performance.now()
  const event: Mutable<AuditEvent> = {
    id: options.nextId(),
    // By the clock of now, which may have been set since: durations never depend on it
    ts: Math.floor(Date.now() - (performance.now() - times.start)),
    type,
    outcome,
    replica: options.replica,
    v: 1,
    durationMs: rounded(end - times.start),
    requestId: idText(record.requestId),
  }
  const code = codeOf(record, outcome)
  if (code !== undefined) event.code = safeText(code, longest.id)
  if (auth !== undefined) addSubject(event, auth)
  const ofTenant = tenant?.(auth, record)
  if (ofTenant !== undefined) event.tenant = idText(ofTenant)
  if (record.resource !== undefined) event.server = idText(record.resource)
  event.method =
    method === undefined
      ? `${record.method} ${safeText(record.path, longest.name)}`
      : safeText(method, longest.method, personalData)
  if (message !== undefined) {
    event.era = message.era
    if (message.target !== undefined) {
      event.target = safeText(message.target, longest.name, personalData)
      event.targetType = targetTypeOf(method)
    }
    if (message.id !== undefined && message.id !== null) event.jsonrpcId = safeText(String(message.id), longest.id)
  }
  if (record.session !== undefined) event.session = record.session
  const trace = traceOf(facts?.traceparent) ?? traceOf(record.traceparent)
  if (trace !== undefined) Object.assign(event, trace)
  if (policies !== undefined) event.policy = policies.slice(0, longest.list).map((one) => safeText(one, longest.id))
  const reason = reasonOf(refusal)
  if (reason !== undefined) event.reason = safeText(reason, longest.reason, personalData)
  if (upstream !== undefined) event.upstreamMs = rounded(upstream.duration)
  if (record.requestBytes !== undefined) event.requestBytes = record.requestBytes
  const bytes = answer?.bytes ?? record.responseBytes
  if (bytes !== undefined) event.responseBytes = bytes
  if (record.clientAddress !== undefined && personalData === 'keep') event.ip = safeText(record.clientAddress, 64)
  if (record.userAgent !== undefined) event.userAgent = safeText(record.userAgent, longest.userAgent, personalData)
  if (facts !== undefined) addFacts(event, facts)
  return event
}

/** Who asked, by the verified token. */
function addSubject(event: Mutable<AuditEvent>, { clientId, extra }: AuthInfo): void {
  const { subject, issuer, claims, keyId } = extra ?? {}
  // No credentials: they are compared, so that they stay as they are
  if (typeof subject === 'string' && subject !== '') event.subjectId = idText(subject)
  if (typeof issuer === 'string') event.subjectIss = idText(issuer)
  if (clientId !== '') event.clientId = idText(clientId)
  const { jti, act } = isObject(claims) ? claims : {}
  const credential = keyId ?? jti
  if (typeof credential === 'string') event.credentialId = safeText(credential, longest.id)
  const actors = actorsOf(act)
  if (actors.length > 0) event.actor = actors
}

function actorsOf(act: unknown): string[] {
  const actors: string[] = []
  for (let at = act; isObject(at) && actors.length < longest.list; at = at.act) {
    if (typeof at.sub === 'string') actors.push(idText(at.sub))
  }
  return actors
}

function addFacts(event: Mutable<AuditEvent>, facts: CallFacts): void {
  if (facts.protocolVersion !== undefined) event.protocolVersion = fit(facts.protocolVersion)
  if (facts.clientName !== undefined) event.clientName = facts.clientName
  if (facts.clientVersion !== undefined) event.clientVersion = facts.clientVersion
  if (facts.argumentKeys !== undefined) event.argumentKeys = facts.argumentKeys
  if (facts.arguments !== undefined) event.arguments = facts.arguments
  if (facts.result !== undefined) event.result = facts.result
  if (facts.truncated) event.truncated = true
}

function rounded(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 10) / 10)
}

function typeOf(record: RequestRecord, outcome: AuditOutcome): AuditEventType {
  if (outcome === 'unauthenticated' || record.route?.kind === 'authority') return 'authentication'
  if (record.refusal?.by === 'oauth-server') return 'authentication'
  const { message, refusal } = record
  const isDecision = outcome === 'step_up' || (outcome === 'denied' && refusal !== undefined && message !== undefined)
  // A limit is no decision about rights
  if (isDecision && String(refusal?.code) !== 'too_many_requests') return 'authorization'
  return typeOfMethod(message?.method)
}

/** What a method is about. */
function typeOfMethod(method: string | undefined): AuditEventType {
  switch (method) {
    case 'tools/call':
      return 'tool_call'
    case 'prompts/get':
      return 'prompt_get'
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return 'resource_read'
    case 'initialize':
      return 'session'
    case 'server/discover':
      return 'list'
    default:
  }
  if (method === undefined) return 'request'
  if (method.startsWith('tasks/') && method !== 'tasks/list') return 'task'
  return method.endsWith('/list') ? 'list' : 'request'
}

function targetTypeOf(method: string | undefined): AuditEvent['targetType'] {
  if (method === 'tools/call') return 'tool'
  if (method === 'prompts/get') return 'prompt'
  if (method?.startsWith('resources/')) return 'resource'
  return method?.startsWith('tasks/') ? 'task' : undefined
}

function codeOf({ refusal, answer, status }: RequestRecord, outcome: AuditOutcome): string | undefined {
  if (refusal !== undefined) return String(refusal.code)
  if (answer?.code !== undefined) return String(answer.code)
  return outcome !== 'ok' && status !== undefined && status >= 400 ? String(status) : undefined
}

function reasonOf(refusal: RequestRefusal | undefined): string | undefined {
  if (refusal === undefined) return undefined
  const { reason, scopes } = refusal
  const needed = scopes === undefined || scopes.length === 0 ? undefined : `needs ${scopes.join(' ')}`
  return reason ?? needed ?? `refused by ${refusal.by}`
}

function outcomeOf(record: RequestRecord, facts: CallFacts | undefined): AuditOutcome {
  const { refusal, answer, status = 0, message } = record
  if (refusal !== undefined) return outcomeOfRefusal(record, refusal)
  if (answer !== undefined) {
    if (answer.kind === 'tool_error') return 'tool_error'
    return answer.kind === 'error' ? 'protocol_error' : 'ok'
  }
  if (status === 401) return 'unauthenticated'
  if (status === 403 || status === 429) return 'denied'
  if (status === 504) return 'timeout'
  if (status >= 500) return 'upstream_down'
  if (status >= 400) return 'protocol_error'
  // An answer that is no stream may have come from a handler that shows it to nobody
  const isWaiting = facts?.isStream === true && message?.id !== undefined
  if (isWaiting) return facts.isCancelled() ? 'cancelled' : 'upstream_down'
  return 'ok'
}

function outcomeOfRefusal({ status = 0, decision }: RequestRecord, { by, code }: RequestRefusal): AuditOutcome {
  if (code === 'insufficient_scope' || code === 'subject_unclear') return 'step_up'
  if (by === 'proxy') return code === 'upstream_late' || code === 'upstream_idle' ? 'timeout' : 'upstream_down'
  if (decision === 'error') return 'error'
  if (status === 401) return 'unauthenticated'
  if (by === 'message') return code === 'too_many_requests' ? 'denied' : 'invalid'
  if (by === 'gateway') return code === 'foreign_host' ? 'denied' : 'invalid'
  if (by === 'oauth-server') return code === 'access_denied' || status === 403 || status === 429 ? 'denied' : 'invalid'
  return 'denied'
}
