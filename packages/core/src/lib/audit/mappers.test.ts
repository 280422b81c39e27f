import { expect, test } from 'vitest'
import ocsf from '../../../../../test/ocsf/members-1.8.0.json' with { type: 'json' }
import type { AuditEvent, AuditEventType, AuditOutcome } from './audit-event.js'
import { createEventIds } from './event-id.js'
import { toCloudEvent } from './to-cloud-event.js'
import { toEcs } from './to-ecs.js'
import { toMcpRequest, toToolExecution } from './to-mcp-request.js'
import { toOcsf } from './to-ocsf.js'

const nextId = createEventIds()
const event = (more: Partial<AuditEvent> = {}): AuditEvent => ({
  id: nextId(),
  ts: Date.parse('2026-11-30T12:00:00.123Z'),
  type: 'tool_call',
  outcome: 'ok',
  replica: 'one',
  v: 1,
  ...more,
})
const full = (more: Partial<AuditEvent> = {}) =>
  event({
    subjectIss: 'https://login.example.com',
    subjectId: 'ada',
    clientId: 'app',
    clientName: 'editor',
    credentialId: 'jti',
    tenant: 'acme',
    server: 'https://mcp.example.com/notes/mcp',
    method: 'tools/call',
    targetType: 'tool',
    target: 'add',
    session: '0123456789abcdef',
    requestId: 'r',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    durationMs: 12.5,
    argumentKeys: ['a', 'b'],
    ip: '192.0.2.1',
    userAgent: 'test/1',
    ...more,
  })

const eventTypes: AuditEventType[] = [
  'authentication',
  'authorization',
  'tool_call',
  'resource_read',
  'prompt_get',
  'list',
  'task',
  'session',
  'request',
  'admin',
  'audit_gap',
]
const outcomes: AuditOutcome[] = [
  'ok',
  'tool_error',
  'protocol_error',
  'denied',
  'step_up',
  'unauthenticated',
  'invalid',
  'cancelled',
  'timeout',
  'upstream_down',
  'error',
]
const every = eventTypes.flatMap((type) =>
  outcomes.flatMap((outcome) => [event({ type, outcome }), full({ type, outcome, code: '-32602', reason: 'why' })]),
)

interface Member {
  readonly type: string
  readonly list?: boolean
  readonly required?: boolean
  readonly values?: readonly number[]
}
interface Shape {
  readonly members: Readonly<Record<string, Member>>
  readonly atLeastOne?: readonly string[]
}

/** What the schema of OCSF 1.8.0 says against an object. */
function faults(value: Record<string, unknown>, { members, atLeastOne }: Shape, path: string): string[] {
  const found: string[] = []
  for (const [name, member] of Object.entries(members)) {
    if (member.required && value[name] === undefined) found.push(`${path}.${name} is missing`)
  }
  if (atLeastOne !== undefined && !atLeastOne.some((name) => value[name] !== undefined)) {
    found.push(`${path} needs one of ${atLeastOne}`)
  }
  for (const [name, inner] of Object.entries(value)) {
    const member = members[name]
    if (member === undefined) found.push(`${path}.${name} is not in the schema`)
    else {
      const all = member.list ? inner : [inner]
      if (!Array.isArray(all)) found.push(`${path}.${name} has to be a list`)
      else for (const one of all) found.push(...faultsOfValue(one, member, `${path}.${name}`))
    }
  }
  return found
}

function faultsOfValue(value: unknown, { type, values }: Member, path: string): string[] {
  if (type.startsWith('object:')) {
    const shape = (ocsf.objects as Readonly<Record<string, Shape>>)[type.slice(7)]
    // What has any members
    if (shape === undefined) return typeof value === 'object' ? [] : [`${path} has to be an object`]
    return faults(value as Record<string, unknown>, shape, path)
  }
  if (type === 'integer_t' || type === 'long_t' || type === 'timestamp_t') {
    if (!Number.isInteger(value)) return [`${path} has to be a whole number`]
    return values === undefined || values.includes(value as number) ? [] : [`${path} must not be ${value}`]
  }
  if (type === 'boolean_t') return typeof value === 'boolean' ? [] : [`${path} has to be true or false`]
  return typeof value === 'string' ? [] : [`${path} has to be a text`]
}

test('each event is one of OCSF 1.8.0, by the members of its schema', () => {
  for (const one of every) {
    const mapped = toOcsf(one)
    const shape = one.type === 'authentication' ? ocsf.classes.authentication : ocsf.classes.api_activity
    expect(faults(mapped, shape as Shape, one.type)).toEqual([])
    expect(mapped.type_uid).toBe(Number(mapped.class_uid) * 100 + Number(mapped.activity_id))
  }
  expect(toOcsf(full({ outcome: 'denied', reason: 'no' }))).toMatchObject({
    class_uid: 6003,
    category_uid: 6,
    action_id: 2,
    status_id: 2,
    time: Date.parse('2026-11-30T12:00:00.123Z'),
    actor: { user: { uid: 'ada' }, session: { uid: '0123456789abcdef' } },
    api: { operation: 'tools/call', service: { name: 'https://mcp.example.com/notes/mcp' }, request: { uid: 'r' } },
    src_endpoint: { ip: '192.0.2.1' },
    resources: [{ name: 'add', type: 'tool' }],
  })
})

test('each event is a CloudEvent of version 1.0', () => {
  for (const one of every) {
    const mapped = toCloudEvent(one, 'https://mcp.example.com')
    // The JSON schema of CloudEvents 1.0: these are required and not empty, and time is a date of RFC 3339
    for (const name of ['id', 'source', 'specversion', 'type'] as const) expect(mapped[name]).toMatch(/./)
    expect(mapped.specversion).toBe('1.0')
    expect(mapped.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(mapped.subject ?? 'x').not.toBe('')
    for (const name of Object.keys(mapped)) expect(name).toMatch(/^[a-z\d]{1,20}$/)
    expect(JSON.parse(JSON.stringify(mapped))).toEqual(mapped)
  }
  expect(toCloudEvent(full(), 'https://mcp.example.com')).toMatchObject({
    type: 'mcp-gateway.tool_call.v1',
    subject: 'https://mcp.example.com/notes/mcp/add',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
    data: { subject_id: 'ada', target: 'add' },
  })
})

test('each event is a document of ECS, with the values that its fields may have', () => {
  const categories = ['api', 'authentication', 'iam']
  const types = ['access', 'admin', 'allowed', 'denied', 'start', 'end', 'info', 'error']
  for (const one of every) {
    const { event: told, ...rest } = toEcs(one) as { event: Record<string, unknown> } & Record<string, unknown>
    expect(categories).toContain((told.category as string[])[0])
    expect(types).toContain((told.type as string[])[0])
    expect(['success', 'failure', 'unknown']).toContain(told.outcome)
    expect(told.kind).toBe('event')
    expect(rest['@timestamp']).toBe('2026-11-30T12:00:00.123Z')
  }
  expect(toEcs(full({ outcome: 'tool_error', code: 'x' }))).toMatchObject({
    event: { action: 'tools/call', outcome: 'failure', duration: 12_500_000 },
    user: { id: 'ada' },
    client: { ip: '192.0.2.1' },
    trace: { id: '0af7651916cd43dd8448eb211c80319c' },
    span: { id: 'b7ad6b7169203331' },
    user_agent: { original: 'test/1' },
    service: { name: 'https://mcp.example.com/notes/mcp' },
    error: { code: 'x' },
  })
})

test('a call has the fields of mcp_request and tool_execution', () => {
  const call = full({ arguments: '{"a":1}', outcome: 'denied', reason: 'no' })
  expect(toMcpRequest(call)).toEqual({
    type: 'mcp_request',
    timestamp: '2026-11-30T12:00:00.123Z',
    user: 'ada',
    method: 'tools/call',
    tool: 'add',
    arguments: '{"a":1}',
    client_ip: '192.0.2.1',
    status: 'denied',
    duration_ms: 12.5,
    error: 'no',
  })
  expect(toToolExecution(call)).toEqual({
    type: 'tool_execution',
    tool: 'add',
    user: 'ada',
    arguments_keys: ['a', 'b'],
  })
})
