import { withMethods } from '../contract/option-types.js'
import type { AuditEvent } from './audit-event.js'
import type { AuditSink } from './audit-sink.js'
import { toRow } from './columns.js'

/** What is used of a logger of `@opentelemetry/api-logs`. */
export interface OtelLogger {
  emit(record: {
    readonly eventName: string
    readonly timestamp: number
    readonly severityNumber: number
    readonly severityText: string
    readonly body: string
    readonly attributes: Record<string, string | number | boolean | string[]>
  }): void
}

/** The attributes of the conventions (semantic-conventions-genai 0.1.0); what they do not name is `mcp_gateway.*`. */
const conventions: Readonly<Record<string, string>> = {
  method: 'mcp.method.name',
  protocol_version: 'mcp.protocol.version',
  session: 'mcp.session.id',
  jsonrpc_id: 'jsonrpc.request.id',
  subject_id: 'user.id',
  ip: 'client.address',
  user_agent: 'user_agent.original',
  arguments: 'gen_ai.tool.call.arguments',
  result: 'gen_ai.tool.call.result',
}

const targets = {
  tool: 'gen_ai.tool.name',
  prompt: 'gen_ai.prompt.name',
  resource: 'mcp.resource.uri',
  task: undefined,
}

/**
 * Hands audit events to a logger of OpenTelemetry, as log events `mcp_gateway.audit.<type>`. What its exporter does with them, and
 * whether any is lost there, is not known here: an event counts as kept when it was handed over.
 *
 * @param logger such as `logs.getLogger('mcp-gateway')` of `@opentelemetry/api-logs`
 * @throws {GatewayError} `invalid_configuration` for an object that is no logger
 * @example
 * ```ts
 * const audit = createAudit({ sink: otelAudit(logs.getLogger('mcp-gateway')) })
 * ```
 */
export function otelAudit(logger: OtelLogger): AuditSink {
  withMethods("a logger of @opentelemetry/api-logs, such as logs.getLogger('mcp-gateway')", 'emit')(
    logger,
    'The logger of otelAudit',
  )
  return {
    name: 'OpenTelemetry',
    async write(events) {
      for (const event of events) logger.emit(recordOf(event))
    },
  }
}

function recordOf(event: AuditEvent): Parameters<OtelLogger['emit']>[0] {
  const isFine = event.outcome === 'ok'
  const attributes: Record<string, string | number | boolean | string[]> = {}
  for (const [name, value] of Object.entries(toRow(event))) {
    if (name === 'ts' || name === 'type' || value === null) continue
    const own = name === 'target' && event.targetType !== undefined ? targets[event.targetType] : conventions[name]
    attributes[own ?? `mcp_gateway.${name}`] = value as string | number | boolean | string[]
  }
  if (!isFine) attributes['error.type'] = event.outcome === 'tool_error' ? 'tool_error' : (event.code ?? event.outcome)
  return {
    eventName: `mcp_gateway.audit.${event.type}`,
    timestamp: event.ts,
    severityNumber: isFine ? 9 : 13,
    severityText: isFine ? 'INFO' : 'WARN',
    body: `${event.method ?? event.type}${event.target === undefined ? '' : ` ${event.target}`}: ${event.outcome}`,
    attributes,
  }
}
