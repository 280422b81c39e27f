import type { AuditEvent } from './audit-event.js'

/**
 * Makes of an event a line `mcp_request`, as gateways in containers write them: `type`, `timestamp`, `user`, `method`, `tool`,
 * `arguments`, `client_ip`, `status`, `duration_ms` and `error`.
 *
 * @example
 * ```ts
 * const audit = createAudit({ sink: (events) => events.forEach((event) => console.log(JSON.stringify(toMcpRequest(event)))) })
 * ```
 */
export function toMcpRequest(event: AuditEvent): Record<string, unknown> {
  const isFine = event.outcome === 'ok'
  return {
    type: 'mcp_request',
    timestamp: new Date(event.ts).toISOString(),
    user: event.subjectId ?? null,
    method: event.method ?? null,
    ...(event.targetType === 'tool' && { tool: event.target }),
    ...(event.arguments !== undefined && { arguments: event.arguments }),
    ...(event.ip !== undefined && { client_ip: event.ip }),
    status: isFine ? 'success' : event.outcome,
    ...(event.durationMs !== undefined && { duration_ms: event.durationMs }),
    ...(!isFine && { error: event.reason ?? event.code ?? event.outcome }),
  }
}

/** Makes of the event of a tool call a line `tool_execution`: `type`, `tool`, `user` and `arguments_keys`. */
export function toToolExecution(event: AuditEvent): Record<string, unknown> {
  return {
    type: 'tool_execution',
    tool: event.target ?? null,
    user: event.subjectId ?? null,
    arguments_keys: event.argumentKeys ?? [],
  }
}
