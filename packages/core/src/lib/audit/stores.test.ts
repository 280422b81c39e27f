import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { type PostgresServer, startPostgres } from '../../../../../test/servers/postgres.js'
import { createGateway } from '../gateway/create-gateway.js'
import { transformResponse } from '../message/transform-response.js'
import { mcpRequest } from '../testing/mcp-request.js'
import type { AuditEvent } from './audit-event.js'
import type { AuditQuery, AuditStore } from './audit-sink.js'
import { type AuditOptions, createAudit } from './create-audit.js'
import { createEventIds } from './event-id.js'
import { memoryAudit } from './memory-audit.js'
import { postgresAudit } from './postgres-audit.js'
import { auditSchema } from './postgres-schema.js'
import { sqliteAudit } from './sqlite-audit.js'

const folder = mkdtempSync(join(tmpdir(), 'audit-stores-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const nextId = createEventIds()

function event(more: Partial<AuditEvent> = {}): AuditEvent {
  return { id: nextId(), ts: Date.now(), type: 'tool_call', outcome: 'ok', replica: 'one', v: 1, ...more }
}

/** A small disk of its own, that of PostgreSQL's user; nothing where this machine lets nobody mount one. */
function mountDisk(size: string): { folder: string; unmount: () => void } | undefined {
  const at = mkdtempSync(join(tmpdir(), 'audit-disk-'))
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', at], { stdio: 'pipe' })
  } catch {
    console.warn('\n  NOT TESTED: no disk can be mounted here, so no full one was tried.\n')
    rmSync(at, { recursive: true, force: true })
    return undefined
  }
  mkdirSync(join(at, 'space'), { mode: 0o700 })
  if (process.getuid?.() === 0) chownSync(join(at, 'space'), id('-u'), id('-g'))
  chmodSync(at, 0o755)
  return {
    folder: at,
    unmount: () => {
      execFileSync('umount', ['-l', at])
      rmSync(at, { recursive: true, force: true })
    },
  }
}

/** An event with every member. */
const full = (): AuditEvent => ({
  ...event(),
  code: '-32602',
  subjectIss: 'https://login.example.com',
  subjectId: 'ada',
  clientId: 'app',
  clientName: 'editor',
  clientVersion: '2',
  credentialId: 'jti',
  actor: ['agent', 'pl"anner'],
  tenant: 'acme',
  server: 'https://mcp.example.com/notes/mcp',
  method: 'tools/call',
  targetType: 'tool',
  target: 'äöü 🙂 \\ {"',
  advertised: 'notes_add',
  era: 'modern',
  protocolVersion: '2026-07-28',
  session: '0123456789abcdef',
  requestId: 'r',
  jsonrpcId: '7',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentId: nextId(),
  policy: ['p1', 'p2'],
  reason: 'because',
  durationMs: 12.5,
  upstreamMs: 3.5,
  requestBytes: 10,
  responseBytes: 5_000_000_000,
  argumentKeys: [],
  arguments: '{"a":1}',
  result: '{}',
  truncated: true,
  ip: '192.0.2.1',
  userAgent: 'test',
  chain: 'one/2026-11-30',
  seq: 5,
  prev: 'aa',
  hash: 'bb',
})

/** What each store does alike. */
function suite(open: () => AuditStore): void {
  const all: AuditQuery = { limit: 200 }

  test('gives back what it was given, each member of it', async () => {
    const store = open()
    const given = { ...full(), tenant: nextId() }
    await store.write([given])
    const [read] = await store.read({ ...all, from: given.ts, to: given.ts + 1, target: given.target })
    expect(read).toEqual(given)
    await store.check?.()
  })

  test('keeps an event once, however often it is written', async () => {
    const store = open()
    const server = nextId()
    const events = [event({ server }), event({ server })]
    await store.write(events)
    await store.write([...events, event({ server })])
    expect(await store.read({ ...all, server })).toHaveLength(3)
  })

  test('pages from the newest to the oldest without gaps, also where many have the same time', async () => {
    const store = open()
    const server = nextId()
    const ts = Date.now()
    const events = Array.from({ length: 45 }, (_, index) => event({ server, ts: ts + Math.floor(index / 20) }))
    await store.write(events)
    const pages: AuditEvent[] = []
    let before: AuditQuery['before']
    for (;;) {
      const page = await store.read({ server, limit: 10, ...(before && { before }) })
      if (page.length === 0) break
      pages.push(...page)
      before = page.at(-1)
    }
    expect(pages.map(({ id }) => id)).toEqual(events.map(({ id }) => id).reverse())
  })

  test('tells the events of one subject from those of others: by issuer, and users from clients', async () => {
    const store = open()
    const id = nextId()
    const [a, b] = ['https://a.example', 'https://b.example']
    await store.write([
      event({ subjectId: id, subjectIss: a, clientId: 'app', target: 'of a' }),
      event({ subjectId: id, subjectIss: b, clientId: 'app', target: 'of b' }),
      event({ subjectId: id, clientId: 'app', target: 'of nobody' }),
      event({ subjectId: id, subjectIss: a, clientId: id, target: 'of a client' }),
      event({ subjectId: id, subjectIss: a, target: 'of a login' }),
    ])
    const targets = async (own: AuditQuery['own']) => (await store.read({ ...all, own })).map(({ target }) => target)
    expect(await targets({ id, issuer: a, kind: 'user' })).toEqual(['of a login', 'of a'])
    expect(await targets({ id, issuer: a, kind: 'client' })).toEqual(['of a client'])
    expect(await targets({ id, kind: 'user' })).toEqual(['of nobody'])
    expect(await targets({ id: "' OR 1=1 --", kind: 'user' })).toEqual([])
  })

  test('finds by server, target, method, type, outcome, subject and time', async () => {
    const store = open()
    const server = nextId()
    const ts = Date.now()
    await store.write([
      event({ server, ts, target: 'x', method: 'tools/call', outcome: 'ok', subjectId: 's' }),
      event({ server, ts: ts + 10, target: 'y', method: 'prompts/get', type: 'prompt_get', outcome: 'denied' }),
    ])
    const found = async (query: Partial<AuditQuery>) => (await store.read({ ...all, server, ...query })).length
    expect(await found({ target: 'x' })).toBe(1)
    expect(await found({ method: 'prompts/get' })).toBe(1)
    expect(await found({ type: 'prompt_get' })).toBe(1)
    expect(await found({ outcome: 'denied' })).toBe(1)
    expect(await found({ subjectId: 's' })).toBe(1)
    expect(await found({ from: ts, to: ts + 10 })).toBe(1)
    expect(await found({ from: ts, to: ts + 11 })).toBe(2)
  })
}

describe('memoryAudit', () => {
  const store = memoryAudit()
  suite(() => store)
})

describe('sqliteAudit', () => {
  const database = new Database(join(folder, 'suite.db'))
  const store = sqliteAudit(database)
  afterAll(() => database.close())
  suite(() => store)

  test('shows calls and decisions in the views tool_calls and audit_events', async () => {
    await store.write([
      event({ method: 'tools/call', target: 'seen', subjectId: 'ada', traceId: 'abc', arguments: '{"a":1}' }),
      event({ type: 'authentication', outcome: 'unauthenticated', method: 'POST /seen' }),
    ])
    const calls = database.prepare("SELECT * FROM tool_calls WHERE tool = 'seen'").all()
    expect(calls).toMatchObject([
      { user_sub: 'ada', action: 'tools/call', input_json: '{"a":1}', decision: 'allow', trace_id: 'abc' },
    ])
    const events = database
      .prepare("SELECT event_type FROM audit_events WHERE details_json LIKE '%seen%' ORDER BY event_type")
      .all() as { event_type: string }[]
    expect(events.map(({ event_type }) => event_type)).toEqual(['authn_fail', 'authn_success', 'policy_allow'])
  })

  test('deletes what is older than retainDays, by the way', async () => {
    const own = new Database(join(folder, 'retained.db'))
    const old = event({ ts: Date.now() - 3 * 86_400_000 })
    await sqliteAudit(own).write([old, event()])
    const short = sqliteAudit(own, { retainDays: 2 })
    await short.write([event()])
    expect(await short.read({ limit: 10 })).toHaveLength(2)
    own.close()
  })

  test('a file that a second process has locked keeps neither the thread nor the events', async () => {
    const file = join(folder, 'locked.db')
    const own = new Database(file)
    const audit = createAudit({ sink: sqliteAudit(own), logger: quiet, batchDelay: 0 })
    audit.add({ type: 'tool_call', outcome: 'ok' })
    await audit.flush()
    const child = fork(join(import.meta.dirname, '../../../../../test/fixtures/lock-sqlite.mjs'), [file])
    await once(child, 'message')
    audit.add({ type: 'tool_call', outcome: 'ok', target: 'while locked' })
    let longest = 0
    let last = performance.now()
    const ticks = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 5)
    await vi.waitFor(() => expect(audit.stats()[0]?.isFailing).toBe(true))
    await new Promise((resolve) => setTimeout(resolve, 500))
    clearInterval(ticks)
    expect(longest).toBeLessThan(1000)
    child.send('unlock')
    await once(child, 'exit')
    await audit.flush()
    expect(await sqliteAudit(own).read({ limit: 10 })).toMatchObject([{ target: 'while locked' }, {}])
    own.close()
  }, 30_000)
})

// Node 20 has none; later ones do.
const nodeSqlite = process.getBuiltinModule('node:sqlite' as 'node:fs') as unknown as
  | { DatabaseSync: new (file: string) => Parameters<typeof sqliteAudit>[0] }
  | undefined

describe.runIf(nodeSqlite)('sqliteAudit on node:sqlite', () => {
  const store = nodeSqlite && sqliteAudit(new nodeSqlite.DatabaseSync(':memory:'))
  suite(() => store as AuditStore)
})

describe.runIf(hasBinary('postgres'))('postgresAudit', () => {
  let server: PostgresServer
  let pool: pg.Pool
  let store: AuditStore
  beforeAll(async () => {
    server = await startPostgres(['-c', 'fsync=on'])
    pool = new pg.Pool({ connectionString: server.url, connectionTimeoutMillis: 1000 })
    pool.on('error', () => {})
    await pool.query(auditSchema())
    await Promise.all([1, 2, 3].map(() => pool.query(auditSchema())))
    store = postgresAudit(pool)
  }, 60_000)
  afterAll(async () => {
    await pool?.end()
    await server?.stop()
  })
  suite(() => store)

  const count = async (table = 'mcp_audit', where = 'true') =>
    Number((await pool.query(`SELECT count(*) FROM ${table} WHERE ${where}`)).rows[0].count)

  test('has a partition for this month and the next two, four indexes, and one partition for wrong clocks', async () => {
    const { rows } = await pool.query(
      "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'mcp_audit'::regclass ORDER BY 1",
    )
    expect(rows).toHaveLength(4)
    const indexes = await pool.query("SELECT indexdef FROM pg_indexes WHERE tablename = 'mcp_audit'")
    expect(indexes.rows).toHaveLength(4)
    await store.write([event({ ts: Date.parse('1999-01-01'), target: 'old clock' })])
    expect(await count('mcp_audit_default', "target = 'old clock'")).toBe(1)
  })

  test('drops the partitions whose time is over, and moves what a clock that was ahead wrote', async () => {
    await pool.query(auditSchema({ table: 'kept', retainDays: 60, views: false }))
    await pool.query("CREATE TABLE kept_2020_01 PARTITION OF kept FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')")
    const own = postgresAudit(pool, { table: 'kept' })
    const [part] = (
      await pool.query(
        "SELECT max(inhrelid::regclass::text) AS name FROM pg_inherits WHERE inhparent = 'kept'::regclass AND inhrelid::regclass::text <> 'kept_default'",
      )
    ).rows
    const ahead = Date.now() + 55 * 86_400_000
    await pool.query(`DROP TABLE ${part.name}`)
    await own.write([event({ ts: Date.parse('2020-01-15') }), event({ ts: Date.now() })])
    await pool.query('SELECT kept_maintain()')
    expect(await count('kept')).toBe(1)
    const { rows } = await pool.query("SELECT to_regclass('kept_2020_01') AS gone")
    expect(rows).toEqual([{ gone: null }])
    await own.write([event({ ts: ahead })])
    expect(await count('kept')).toBe(2)
  })

  test('without partitions old rows are deleted', async () => {
    await pool.query(auditSchema({ table: 'plain', partitions: false, retainDays: 1, views: false }))
    const own = postgresAudit(pool, { table: 'plain' })
    await own.write([event({ ts: Date.now() - 3 * 86_400_000 }), event()])
    await pool.query('SELECT plain_maintain()')
    expect(await count('plain')).toBe(1)
  })

  test('shows calls and decisions in the views tool_calls and audit_events', async () => {
    await store.write([
      event({ method: 'tools/call', target: 'seen', subjectId: 'ada', traceId: 'abc', arguments: '{"a":1}' }),
      event({ type: 'authorization', outcome: 'denied', method: 'tools/call', target: 'seen', reason: 'no' }),
    ])
    const calls = await pool.query("SELECT * FROM tool_calls WHERE tool = 'seen' ORDER BY id")
    expect(calls.rows).toMatchObject([
      { user_sub: 'ada', action: 'tools/call', input_json: '{"a":1}', decision: 'allow', trace_id: 'abc' },
      { decision: 'deny', reason: 'no' },
    ])
    expect(Object.keys(calls.rows[0])).toEqual([
      'id',
      'user_sub',
      'tool',
      'action',
      'input_json',
      'output_json',
      'decision',
      'reason',
      'created_at',
      'trace_id',
    ])
    const events = await pool.query("SELECT * FROM audit_events WHERE details_json LIKE '%seen%' ORDER BY id")
    expect(events.rows.map((row) => row.event_type)).toEqual(['authn_success', 'policy_allow', 'policy_deny'])
    expect(Object.keys(events.rows[0])).toEqual(['id', 'user_sub', 'event_type', 'details_json', 'created_at'])
  })

  test('a role that may only insert can write, and neither read, change nor drop', async () => {
    await pool.query(
      'CREATE ROLE writer LOGIN; GRANT INSERT ON mcp_audit TO writer; GRANT EXECUTE ON FUNCTION mcp_audit_maintain TO writer',
    )
    const writer = new pg.Pool({ connectionString: server.url.replace('app@', 'writer@') })
    const own = postgresAudit(writer)
    await own.write([event({ target: 'by the writer' })])
    await own.check?.()
    expect(await count('mcp_audit', "target = 'by the writer'")).toBe(1)
    await expect(writer.query('DELETE FROM mcp_audit')).rejects.toThrow('permission denied')
    await expect(own.read({ limit: 1 })).rejects.toThrow('permission denied')
    await writer.end()
  })

  test.each<[string, Partial<AuditEvent>]>([
    ['U+0000', { target: 'a\0b' }],
    ['a text that is too large for an index', { target: Array.from({ length: 4000 }, () => Math.random()).join('') }],
  ])(
    'a row that the server refuses is kept without its texts, and the others of its batch as they are: %s',
    async (_what, poison) => {
      const own = nextId()
      const audit = createAudit({ sink: store, logger: quiet })
      for (let index = 0; index < 100; index++) {
        // What the gateway writes has no such texts any more; what an application adds may have
        audit.add({ type: 'tool_call', outcome: 'ok', server: own, jsonrpcId: `${index}`, ...(index === 37 && poison) })
      }
      await audit.flush()
      expect(await count('mcp_audit', `server = '${own}'`)).toBe(100)
      expect(await count('mcp_audit', `server = '${own}' AND target LIKE '[not kept%'`)).toBe(1)
      expect(audit.stats()).toMatchObject([{ written: 100, refused: 0, lost: 0 }])
    },
  )

  test('connections that are ended in the middle, a server that is killed, and one that comes back: nothing is lost', async () => {
    const own = nextId()
    const audit = createAudit({ sink: store, logger: quiet, batchDelay: 0.01 })
    let added = 0
    const timer = setInterval(() => {
      for (let index = 0; index < 20; index++)
        audit.add({ type: 'tool_call', outcome: 'ok', server: own, jsonrpcId: `${added++}` })
    }, 10)
    const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
    for (let round = 0; round < 3; round++) {
      await pause(150)
      await pool
        .query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL',
        )
        .catch(() => {})
    }
    await server.kill()
    await pause(500)
    await server.restart()
    await pause(300)
    clearInterval(timer)
    await audit.flush()
    expect(await count('mcp_audit', `server = '${own}'`)).toBe(added)
    expect(
      (await pool.query(`SELECT count(DISTINCT jsonrpc_id) FROM mcp_audit WHERE server = '${own}'`)).rows[0].count,
    ).toBe(`${added}`)
    expect(added).toBeGreaterThan(500)
    expect(audit.stats()).toMatchObject([{ lost: 0, refused: 0 }])
  }, 60_000)

  test('a disk that is full loses nothing: events wait until there is room again', async (context) => {
    const disk = mountDisk('16m')
    if (disk === undefined) return context.skip('no disk can be mounted here')
    try {
      await pool.query(`CREATE TABLESPACE small LOCATION '${disk.folder}/space'`)
      const client = await pool.connect()
      await client.query('SET default_tablespace = small')
      await client.query(auditSchema({ table: 'cramped', views: false }))
      client.release(true)
      writeFileSync(`${disk.folder}/filler`, Buffer.alloc(15_000_000))
      const audit = createAudit({ sink: postgresAudit(pool, { table: 'cramped' }), logger: quiet, batchDelay: 0.01 })
      for (let index = 0; index < 5000; index++) {
        audit.add({ type: 'tool_call', outcome: 'ok', reason: `${index} ${'x'.repeat(500)}` })
      }
      await vi.waitFor(() => expect(audit.stats()[0]?.isFailing).toBe(true), { timeout: 20_000 })
      await expect(audit.check()).resolves.toEqual({ degraded: expect.stringMatching(/could not extend file/) })
      rmSync(`${disk.folder}/filler`)
      await audit.flush()
      expect(await count('cramped')).toBe(5000)
      expect(audit.stats()).toMatchObject([{ lost: 0, refused: 0 }])
      await pool.query('DROP TABLE cramped')
      await pool.query('DROP TABLESPACE small')
    } finally {
      disk.unmount()
    }
  }, 60_000)

  const child = async (mode: 'plain' | 'durable'): Promise<ChildProcess> => {
    const file = join(import.meta.dirname, '../../../../../test/fixtures/audit-child.ts')
    const forked = fork(file, [server.url, mode], {
      execArgv: ['--import', 'tsx', '--conditions', '@mcp-gateway/source'],
    })
    await once(forked, 'message')
    return forked
  }

  /** Lets a process write calls, and ends it; how many it had answered, and how many rows there are. */
  const ended = async (mode: 'plain' | 'durable', signal: NodeJS.Signals) => {
    const forked = await child(mode)
    const own = nextId()
    forked.send({ path: `/${own}` })
    let answered = 0
    forked.on('message', (message) => {
      answered = Number(message)
    })
    await vi.waitFor(() => expect(answered).toBeGreaterThan(500), { timeout: 20_000 })
    forked.kill(signal)
    await once(forked, 'exit')
    return { answered, rows: await count('mcp_audit', `server LIKE '%/${own}'`) }
  }

  test('a gateway that is told to stop (SIGTERM) has written each call', async () => {
    const { answered, rows } = await ended('plain', 'SIGTERM')
    expect(rows).toBeGreaterThanOrEqual(answered)
  }, 60_000)

  test('a gateway that is killed (SIGKILL) loses one batch at most', async () => {
    const { answered, rows } = await ended('plain', 'SIGKILL')
    expect(answered - rows).toBeLessThanOrEqual(200)
  }, 60_000)

  test('with durable, a gateway that is killed loses nothing that was answered', async () => {
    const { answered, rows } = await ended('durable', 'SIGKILL')
    expect(rows).toBeGreaterThanOrEqual(answered)
  }, 60_000)
})

test.each(['', 'a b', 'a"b', '1a', 'a'.repeat(60)])('refuses the table name "%s"', (table) => {
  const refusal = expect.objectContaining({ code: 'invalid_configuration' })
  expect(() => postgresAudit({ query: async () => ({ rows: [] }) }, { table })).toThrow(refusal)
  expect(() => auditSchema({ table })).toThrow(refusal)
  expect(() => sqliteAudit(new Database(':memory:'), { table })).toThrow(refusal)
})

/** A gateway in front of a tool, whose audit is given. */
function guarded(
  options: Partial<AuditOptions> & Pick<AuditOptions, 'sink'>,
  body: BodyInit = answer,
  type = 'application/json',
) {
  const calls: unknown[] = []
  const audit = createAudit({ logger: quiet, ...options })
  const url = 'http://127.0.0.1:1'
  const gateway = createGateway({
    url,
    servers: {
      '/mcp': (_request, context) => {
        calls.push(context.message?.id)
        return transformResponse(context, new Response(body, { headers: { 'Content-Type': type } }))
      },
    },
    dangerouslyAllowAnonymous: true,
    observe: audit,
    logger: quiet,
  })
  const call = () => gateway.fetch(mcpRequest({ url: `${url}/mcp`, method: 'tools/call', params: { name: 'add' } }))
  return { audit, gateway, call, calls }
}
const answer = '{"jsonrpc":"2.0","id":1,"result":{}}'
const down = async () => {
  throw new Error('down')
}

test('with durable, the answer leaves when the event is kept, also that of a stream', async () => {
  for (const [body, type] of [
    [answer, 'application/json'],
    [`data: ${answer}\n\n`, 'text/event-stream'],
  ] as const) {
    const store = memoryAudit()
    const sink = {
      ...store,
      write: async (events: readonly AuditEvent[]) => {
        await new Promise((resolve) => setTimeout(resolve, 50))
        await store.write(events)
      },
    }
    const { call } = guarded({ sink, durable: true }, body, type)
    expect(await (await call()).text()).toContain('"result"')
    expect(store.events).toMatchObject([{ target: 'add', outcome: 'ok' }])
  }
})

test('with durable, an event that cannot be kept in time makes the answer a 503, and that of a stream an error', async () => {
  const { call } = guarded({ sink: down, durable: true, blockTimeout: 0.05 })
  const response = await call()
  expect(await response.text()).toMatch(/cannot be written now; what was asked for may have been done/)
  const streamed = guarded(
    { sink: down, durable: true, blockTimeout: 0.05 },
    `data: ${answer}\n\n`,
    'text/event-stream',
  )
  expect(await (await streamed.call()).text()).toMatch(/"error".*may have been done/)
})

test('with block, requests wait for room, and are refused with 503 before they reach the server', async () => {
  let isDown = true
  const kept: AuditEvent[] = []
  const sink = async (events: readonly AuditEvent[]) => {
    if (isDown) throw new Error('down')
    kept.push(...events)
  }
  const { call, calls, audit } = guarded({ sink, whenFull: 'block', maxEvents: 3, blockTimeout: 0.1, batchDelay: 0 })
  for (let index = 0; index < 3; index++) expect((await (await call()).json()).result).toEqual({})
  const refused = await call()
  expect(refused.status).toBe(503)
  expect(await refused.text()).toContain('nothing was done')
  expect(calls).toHaveLength(3)
  await expect(audit.check()).rejects.toThrow('cannot be written')
  const waits = letIn(call)
  isDown = false
  expect(await waits).toBe(200)
  await audit.flush()
  expect(kept.filter(({ outcome }) => outcome === 'ok')).toHaveLength(4)
  // Refusals are events too, and none is lost
  expect(audit.stats()).toMatchObject([{ lost: 0 }])
}, 20_000)

/** Calls until it is let in again. */
async function letIn(call: () => Promise<Response>): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const response = await call()
    await response.text()
    if (response.status === 200) return response.status
  }
  return 0
}

test('the gateway closes its audit last, and writes what waits', async () => {
  const store = memoryAudit()
  const { call, gateway } = guarded({ sink: store, batchDelay: 60 })
  await (await call()).text()
  await gateway.close()
  expect(store.events).toHaveLength(1)
})
