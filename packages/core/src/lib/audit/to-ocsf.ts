import type { AuditEvent, AuditOutcome } from './audit-event.js'
import { toRow } from './columns.js'

/** What OCSF says of a result. */
const statuses = { success: 1, failure: 2 } as const

const severities: Readonly<Record<AuditOutcome, number>> = {
  ok: 1,
  tool_error: 2,
  protocol_error: 2,
  cancelled: 1,
  timeout: 3,
  upstream_down: 3,
  error: 3,
  denied: 3,
  step_up: 2,
  unauthenticated: 3,
  invalid: 2,
}

const refused: ReadonlySet<AuditOutcome> = new Set(['denied', 'step_up', 'unauthenticated', 'invalid'])

/** Activities of the class API Activity (6003). */
const apiActivities = { create: 1, read: 2, update: 3, delete: 4, other: 99 }
/** Activities of the class Authentication (3002). */
const logon = 1
const logoff = 2
const otherActivity = 99

/**
 * Makes of an event one of OCSF 1.8.0: class Authentication (3002) for events of that type, otherwise API Activity (6003), with
 * the profile `security_control` (allowed or denied). The whole event is in `unmapped`.
 *
 * @see https://schema.ocsf.io/1.8.0/classes/api_activity
 * @example
 * ```ts
 * const audit = createAudit({ sink: async (events) => siem.send(events.map(toOcsf)) })
 * ```
 */
export function toOcsf(event: AuditEvent): Record<string, unknown> {
  const isAuthentication = event.type === 'authentication'
  const classUid = isAuthentication ? 3002 : 6003
  const activity = isAuthentication ? authenticationActivity(event) : apiActivity(event)
  const isSuccess = event.outcome === 'ok'
  const user = userOf(event)
  const address = event.ip === undefined ? {} : { ip: event.ip }
  return {
    class_uid: classUid,
    category_uid: isAuthentication ? 3 : 6,
    activity_id: activity,
    type_uid: classUid * 100 + activity,
    severity_id: severities[event.outcome],
    time: event.ts,
    status_id: isSuccess ? statuses.success : statuses.failure,
    ...(event.code !== undefined && { status_code: event.code }),
    ...(event.reason !== undefined && { status_detail: event.reason }),
    ...(event.durationMs !== undefined && { duration: Math.round(event.durationMs) }),
    action_id: refused.has(event.outcome) ? 2 : 1,
    metadata: {
      version: '1.8.0',
      uid: event.id,
      product: { name: 'MCP Gateway', vendor_name: 'MCP Gateway' },
      profiles: ['security_control'],
      ...(event.requestId !== undefined && { correlation_uid: event.requestId }),
      ...(event.tenant !== undefined && { tenant_uid: event.tenant }),
    },
    actor: {
      user,
      ...(event.session !== undefined && { session: { uid: event.session } }),
      ...(event.clientId !== undefined && { app_uid: event.clientId }),
      ...(event.clientName !== undefined && { app_name: event.clientName }),
    },
    src_endpoint: { ...address, name: event.clientName ?? event.clientId ?? 'unknown' },
    ...(isAuthentication ? authenticationMembers(event, user) : apiMembers(event)),
    unmapped: toRow(event),
  }
}

type User = Readonly<Record<string, string | number>>

function userOf({ subjectId, clientId }: AuditEvent): User {
  const uid = subjectId ?? clientId
  return uid === undefined ? { uid: 'unknown', type_id: 0 } : { uid, type_id: 1 }
}

function authenticationMembers({ server, method }: AuditEvent, user: User): Record<string, unknown> {
  return {
    user,
    service: { name: server ?? 'authorization server' },
    auth_protocol_id: 99,
    auth_protocol: 'OAuth 2.1',
    is_remote: true,
    ...(method !== undefined && { logon_type_id: 99, logon_type: method }),
  }
}

function apiMembers(event: AuditEvent): Record<string, unknown> {
  const { method, server, requestId, code, reason, target, targetType, type, userAgent } = event
  return {
    api: {
      operation: method ?? type,
      ...(server !== undefined && { service: { name: server } }),
      request: { uid: requestId ?? event.id },
      response: {
        ...(/^-?\d{1,9}$/.test(code ?? '') && { code: Number(code) }),
        ...(reason !== undefined && { message: reason }),
        ...(event.outcome !== 'ok' && { error: event.outcome }),
      },
    },
    ...(target !== undefined && { resources: [{ name: target, type: targetType ?? 'other' }] }),
    ...(userAgent !== undefined && { http_request: { user_agent: userAgent } }),
  }
}

function authenticationActivity({ method }: AuditEvent): number {
  if (method === 'oauth/token_revoked') return logoff
  return method?.startsWith('oauth/') === true && !/login|token/.test(method) ? otherActivity : logon
}

function apiActivity({ type, method }: AuditEvent): number {
  if (type === 'resource_read' || type === 'prompt_get' || type === 'list') return apiActivities.read
  if (method === 'oauth/client_registered') return apiActivities.create
  if (method === 'oauth/client_updated') return apiActivities.update
  if (method === 'oauth/client_deleted') return apiActivities.delete
  return apiActivities.other
}
