export type { AuditEvent, AuditEventType, AuditOutcome } from './lib/audit/audit-event.js'
export type { AuditQuery, AuditSink, AuditStore } from './lib/audit/audit-sink.js'
export type { AuditWriterStats, WhenFull } from './lib/audit/audit-writer.js'
export type { AuthorizationServerEvent } from './lib/audit/authorization-server-event.js'
export {
  type ChainFault,
  type ChainOptions,
  type ChainReport,
  chainedAudit,
  type VerifyOptions,
  verifyAudit,
} from './lib/audit/chain.js'
export {
  type AddedEvent,
  type Audit,
  type AuditFunction,
  type AuditOptions,
  type AuditSuccess,
  createAudit,
} from './lib/audit/create-audit.js'
export { type HistoryOptions, history } from './lib/audit/history.js'
export { type JsonLinesFile, jsonLinesAudit, type LineStream } from './lib/audit/json-lines-audit.js'
export { type MemoryAuditOptions, memoryAudit } from './lib/audit/memory-audit.js'
export { type OtelLogger, otelAudit } from './lib/audit/otel-audit.js'
export { type AuditPool, type PostgresAuditOptions, postgresAudit } from './lib/audit/postgres-audit.js'
export { type AuditSchemaOptions, auditSchema } from './lib/audit/postgres-schema.js'
export { type AuditDatabase, type SqliteAuditOptions, sqliteAudit } from './lib/audit/sqlite-audit.js'
export { type CloudEvent, toCloudEvent } from './lib/audit/to-cloud-event.js'
export { toEcs } from './lib/audit/to-ecs.js'
export { toMcpRequest, toToolExecution } from './lib/audit/to-mcp-request.js'
export { toOcsf } from './lib/audit/to-ocsf.js'
