import type { AuditEvent } from './audit-event.js'

/**
 * Makes of an event a document of the Elastic Common Schema 8. What ECS has no field for is below `mcp_gateway`.
 *
 * @see https://www.elastic.co/guide/en/ecs/current/ecs-event.html
 * @example
 * ```ts
 * const audit = createAudit({ sink: async (events) => index(events.map(toEcs)) })
 * ```
 */
export function toEcs(event: AuditEvent): Record<string, unknown> {
  const { method, type, outcome, code, reason, durationMs, subjectId, ip, userAgent, traceId, spanId } = event
  const isAuthentication = type === 'authentication'
  const category = isAuthentication ? 'authentication' : type === 'admin' ? 'iam' : 'api'
  const isDenied = outcome === 'denied' || outcome === 'step_up' || outcome === 'unauthenticated'
  const eventType = isAuthentication ? ['start'] : type === 'admin' ? ['admin'] : [isDenied ? 'denied' : 'access']
  return {
    '@timestamp': new Date(event.ts).toISOString(),
    ecs: { version: '8.17.0' },
    event: {
      kind: 'event',
      id: event.id,
      category: [category],
      type: eventType,
      action: method ?? type,
      outcome: outcome === 'ok' ? 'success' : outcome === 'cancelled' ? 'unknown' : 'failure',
      ...(durationMs !== undefined && { duration: Math.round(durationMs * 1e6) }),
      ...(reason !== undefined && { reason }),
    },
    ...(subjectId !== undefined && { user: { id: subjectId } }),
    // A field of the type `ip` takes nothing else
    ...(ip !== undefined && { client: /^[\d.]+$|:/.test(ip) ? { ip, address: ip } : { address: ip } }),
    ...(userAgent !== undefined && { user_agent: { original: userAgent } }),
    ...(traceId !== undefined && { trace: { id: traceId } }),
    ...(spanId !== undefined && { span: { id: spanId } }),
    ...(event.server !== undefined && { service: { name: event.server } }),
    ...(outcome !== 'ok' && { error: { code: code ?? outcome, ...(reason !== undefined && { message: reason }) } }),
    mcp_gateway: extra(event),
  }
}

function extra(event: AuditEvent): Record<string, unknown> {
  const { target, targetType, clientId, clientName, credentialId, session, requestId, policy, argumentKeys } = event
  const all = {
    type: event.type,
    outcome: event.outcome,
    target,
    target_type: targetType,
    client_id: clientId,
    client_name: clientName,
    credential_id: credentialId,
    subject_iss: event.subjectIss,
    session,
    request_id: requestId,
    policy,
    argument_keys: argumentKeys,
    replica: event.replica,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
