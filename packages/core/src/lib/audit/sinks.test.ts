import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { AuditEvent } from './audit-event.js'
import { jsonLinesAudit } from './json-lines-audit.js'
import { type OtelLogger, otelAudit } from './otel-audit.js'

const folder = mkdtempSync(join(tmpdir(), 'audit-sinks-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const event = (more: Partial<AuditEvent> = {}): AuditEvent => ({
  id: '01a22e8f-307e-7036-917c-714f69e3cf5f',
  ts: Date.parse('2026-11-30T12:00:00Z'),
  type: 'tool_call',
  outcome: 'ok',
  replica: 'one',
  v: 1,
  ...more,
})
const lines = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

test('a file gets one line for each event, and goes on in a new file when its own was moved', async () => {
  const file = join(folder, 'audit.jsonl')
  const sink = jsonLinesAudit({ file })
  await sink.write([event({ target: 'two\nlines', subjectId: 'ada' }), event({ argumentKeys: ['a'] })])
  expect(lines(file)).toEqual([
    {
      id: '01a22e8f-307e-7036-917c-714f69e3cf5f',
      ts: '2026-11-30T12:00:00.000Z',
      type: 'tool_call',
      outcome: 'ok',
      subject_id: 'ada',
      target: 'two\nlines',
      replica: 'one',
      v: 1,
    },
    expect.objectContaining({ argument_keys: ['a'] }),
  ])
  renameSync(file, `${file}.1`)
  await sink.write([event({ target: 'after' })])
  expect(lines(file)).toHaveLength(1)
  expect(lines(`${file}.1`)).toHaveLength(2)
  await sink.check?.()
  await sink.close?.()
})

test('a folder that is not there is a failure, and the file is made once it is', async () => {
  const sink = jsonLinesAudit({ file: join(folder, 'none', 'audit.jsonl') })
  await expect(sink.write([event()])).rejects.toThrow('ENOENT')
  await expect(sink.check?.()).rejects.toThrow('ENOENT')
})

test('a disk that is full is a failure, and nothing counts as kept', async () => {
  const sink = jsonLinesAudit({ file: '/dev/full', sync: false })
  await expect(sink.write([event()])).rejects.toThrow('ENOSPC')
})

test('a stream has taken the lines when it says so, and its failure is that of the sink', async () => {
  const texts: string[] = []
  let done: ((error?: Error | null) => void) | undefined
  const sink = jsonLinesAudit({
    write(text, callback) {
      texts.push(text)
      done = callback
    },
  })
  const first = sink.write([event(), event()])
  expect(texts.join('').match(/\n/g)).toHaveLength(2)
  done?.()
  await first
  const second = sink.write([event()])
  done?.(new Error('broken pipe'))
  await expect(second).rejects.toThrow('broken pipe')
})

test('a logger of OpenTelemetry gets log events with the names of the conventions', async () => {
  const emitted: Parameters<OtelLogger['emit']>[0][] = []
  const sink = otelAudit({ emit: (record) => void emitted.push(record) })
  await sink.write([
    event({ method: 'tools/call', target: 'add', targetType: 'tool', subjectId: 'ada', argumentKeys: ['a'] }),
    event({
      type: 'authorization',
      outcome: 'denied',
      method: 'tools/call',
      target: 'rm',
      targetType: 'tool',
      code: '-32602',
    }),
  ])
  expect(emitted).toMatchObject([
    {
      eventName: 'mcp_gateway.audit.tool_call',
      severityText: 'INFO',
      severityNumber: 9,
      body: 'tools/call add: ok',
      attributes: {
        'mcp.method.name': 'tools/call',
        'gen_ai.tool.name': 'add',
        'user.id': 'ada',
        'mcp_gateway.argument_keys': ['a'],
        'mcp_gateway.outcome': 'ok',
      },
    },
    { eventName: 'mcp_gateway.audit.authorization', severityText: 'WARN', attributes: { 'error.type': '-32602' } },
  ])
})

test.each([
  () => jsonLinesAudit('audit.jsonl' as never),
  () => jsonLinesAudit({ file: '' }),
  () => jsonLinesAudit({ file: 'a', sync: 1 as never }),
  () => otelAudit({} as never),
])('wrong options fail at construction', (make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
})
