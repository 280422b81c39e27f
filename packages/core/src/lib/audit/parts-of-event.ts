import type { RequestRecord } from '../contract/request-record.js'
import type { AuditEvent, AuditEventType } from './audit-event.js'

/** The successes that a call has in it, as events of their own; none where they are not asked for. */
export function partsOf(
  event: AuditEvent,
  { auth, policies }: RequestRecord,
  successes: ReadonlySet<AuditEventType>,
  nextId: () => string,
): readonly AuditEvent[] {
  const { type: of } = event
  const isKnown = auth !== undefined && of !== 'authentication' && successes.has('authentication')
  const isAllowed = policies !== undefined && of !== 'authentication' && of !== 'authorization'
  const parts: AuditEvent[] = []
  if (isKnown) parts.push(partOf(event, 'authentication', nextId()))
  if (isAllowed && successes.has('authorization')) {
    parts.push({ ...partOf(event, 'authorization', nextId()), policy: event.policy })
  }
  return parts
}

function partOf(event: AuditEvent, type: 'authentication' | 'authorization', id: string): AuditEvent {
  const { ts, subjectIss, subjectId, clientId, credentialId, actor, tenant, server, method, target } = event
  const { session, requestId, traceId, spanId, replica, ip } = event
  const who = { subjectIss, subjectId, clientId, credentialId, actor, tenant }
  const where = { server, method, target, session, requestId, traceId, spanId, ip }
  return { id, ts, type, outcome: 'ok', ...who, ...where, parentId: event.id, replica, v: 1 }
}
