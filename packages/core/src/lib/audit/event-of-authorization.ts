import type { AuditEvent, AuditEventType, AuditOutcome } from './audit-event.js'
import type { AuthorizationServerEvent } from './authorization-server-event.js'
import { type EventOptions, longest } from './event-of-record.js'
import { idText, safeText } from './safe-text.js'

const kinds: Readonly<Record<string, readonly [AuditEventType, AuditOutcome]>> = {
  login: ['authentication', 'ok'],
  login_failed: ['authentication', 'unauthenticated'],
  consent: ['authorization', 'ok'],
  denial: ['authorization', 'denied'],
  token_issued: ['authentication', 'ok'],
  token_refused: ['authentication', 'denied'],
  token_revoked: ['authentication', 'ok'],
  replay_found: ['authentication', 'denied'],
  client_registered: ['admin', 'ok'],
  client_updated: ['admin', 'ok'],
  client_deleted: ['admin', 'ok'],
}

/** Makes the audit event of what happened at an authorization server. */
export function eventOfAuthorization(told: AuthorizationServerEvent, options: EventOptions): AuditEvent {
  const { type, issuer, clientId, subject, resource, scopes, grantType, provider, error, reason } = told
  const { requestId, clientAddress } = told
  const { personalData } = options
  const [kind, outcome] = Object.hasOwn(kinds, type) ? (kinds[type] ?? other) : other
  const words = [
    reason,
    provider && `provider ${provider}`,
    grantType && `grant ${grantType}`,
    scopes && scopes.length > 0 && `scopes ${scopes.join(' ')}`,
  ].filter((word) => typeof word === 'string')
  return {
    id: options.nextId(),
    ts: Date.now(),
    type: kind,
    outcome,
    method: `oauth/${safeText(type, longest.method)}`,
    replica: options.replica,
    v: 1,
    ...(error !== undefined && { code: safeText(error, longest.id) }),
    ...(issuer !== undefined && { subjectIss: idText(issuer) }),
    ...(subject !== undefined && { subjectId: idText(subject) }),
    ...(clientId !== undefined && { clientId: idText(clientId) }),
    ...(resource !== undefined && { server: safeText(resource, longest.name) }),
    ...(words.length > 0 && { reason: safeText(words.join('; '), longest.reason, personalData) }),
    ...(requestId !== undefined && { requestId: safeText(requestId, longest.id) }),
    ...(clientAddress !== undefined && personalData === 'keep' && { ip: safeText(clientAddress, 64) }),
  }
}

const other = ['authentication', 'ok'] as const
