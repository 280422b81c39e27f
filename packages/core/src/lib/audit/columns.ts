import type { AuditEvent } from './audit-event.js'

type ColumnType = 'id' | 'time' | 'text' | 'list' | 'whole' | 'number' | 'flag'

/** One member of an event, as a column. */
export interface Column {
  readonly name: string
  readonly key: keyof AuditEvent
  readonly type: ColumnType
}

const types: Readonly<Record<keyof AuditEvent, ColumnType>> = {
  id: 'id',
  ts: 'time',
  type: 'text',
  outcome: 'text',
  code: 'text',
  subjectIss: 'text',
  subjectId: 'text',
  clientId: 'text',
  clientName: 'text',
  clientVersion: 'text',
  credentialId: 'text',
  actor: 'list',
  tenant: 'text',
  server: 'text',
  method: 'text',
  targetType: 'text',
  target: 'text',
  advertised: 'text',
  era: 'text',
  protocolVersion: 'text',
  session: 'text',
  requestId: 'text',
  jsonrpcId: 'text',
  traceId: 'text',
  spanId: 'text',
  parentId: 'text',
  policy: 'list',
  reason: 'text',
  durationMs: 'number',
  upstreamMs: 'number',
  requestBytes: 'whole',
  responseBytes: 'whole',
  argumentKeys: 'list',
  arguments: 'text',
  result: 'text',
  truncated: 'flag',
  ip: 'text',
  userAgent: 'text',
  replica: 'text',
  v: 'whole',
  chain: 'text',
  seq: 'whole',
  prev: 'text',
  hash: 'text',
}

/** All members of an event in the order of the tables, with their names there. */
export const columns: readonly Column[] = Object.entries(types).map(([key, type]) => ({
  name: key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  key: key as keyof AuditEvent,
  type,
}))

/** An event with the names of its columns, for JSON: the time in ISO 8601, and nothing that is absent. */
export function toRow(event: AuditEvent): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (const { name, key, type } of columns) {
    const value = event[key]
    if (value !== undefined) row[name] = type === 'time' ? new Date(value as number).toISOString() : value
  }
  return row
}

/** The event of a row of a database, whose drivers give numbers as texts, flags as numbers, and lists as JSON. */
export function fromRow(row: Readonly<Record<string, unknown>>): AuditEvent {
  const event: Record<string, unknown> = {}
  for (const { name, key, type } of columns) {
    const value = row[name]
    if (value !== null && value !== undefined) event[key] = read(value, type)
  }
  return event as unknown as AuditEvent
}

function read(value: unknown, type: ColumnType): unknown {
  if (type === 'time') return Math.round(Number(value))
  if (type === 'whole' || type === 'number') return Number(value)
  if (type === 'flag') return value === true || value === 1 || value === 1n
  if (type === 'list') return typeof value === 'string' ? JSON.parse(value) : value
  return String(value)
}
