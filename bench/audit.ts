import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { respond } from '@mcp-gateway/core'
import {
  type Audit,
  type AuditStore,
  auditSchema,
  createAudit,
  memoryAudit,
  postgresAudit,
  sqliteAudit,
} from '@mcp-gateway/core/audit'
import { createGateway, type GatewayOptions } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { proxy } from '@mcp-gateway/core/proxy'
import { mcpRequest } from '@mcp-gateway/core/testing'
import Database from 'libsql'
import pg from 'pg'
import { startPostgres } from '../test/servers/postgres.js'
import { anyToken } from './gateway/auth.js'
import { compareServers, send } from './harness.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const json = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}'
const headers = { 'Content-Type': 'application/json' }
const url = 'https://mcp.example.com'

const guarded = (observe?: Audit, server: GatewayOptions['servers'][string] = () => respond(json, { headers })) =>
  createGateway({
    url,
    auth: anyToken({ subject: 'ada', issuer: 'https://login.example.com' }),
    servers: { '/mcp': server },
    logger: quiet,
    ...(observe && { observe }),
  })

const upstream = (): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer((request, response) => {
      request.resume()
      request.on('end', () => response.writeHead(200, headers).end(json))
    })
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/mcp`)
    })
    server.unref()
  })

const mount = (audit?: Audit, server?: GatewayOptions['servers'][string]): Server =>
  createServer(toNodeHandler(guarded(audit, server)))
const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hello","arguments":{"to":"world"}}}'
const accept = 'application/json, text/event-stream'
const post = (origin: string) => () =>
  send(`${origin}mcp`, { method: 'POST', headers: { ...headers, Accept: accept, Authorization: 'Bearer x' }, body })

// A child of `compareServers` has the file of its database to itself
const sqlite = () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-audit-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return sqliteAudit(new Database(join(folder, 'audit.db')))
}

const upstreamUrl = process.env.BENCH_UPSTREAM ?? (await upstream())
process.env.BENCH_UPSTREAM = upstreamUrl

await compareServers(
  'POST of a guarded tool call through the proxy: CPU of the gateway with an audit',
  import.meta.url,
  {
    'no audit': () => mount(undefined, proxy(upstreamUrl)),
    'audit into nothing': () => mount(createAudit({ sink: () => {}, logger: quiet }), proxy(upstreamUrl)),
    'audit into SQLite': () => mount(createAudit({ sink: sqlite(), logger: quiet }), proxy(upstreamUrl)),
    ...(process.env.BENCH_POSTGRES !== undefined && {
      'audit into Postgres': () =>
        mount(
          createAudit({
            sink: postgresAudit(new pg.Pool({ connectionString: process.env.BENCH_POSTGRES })),
            logger: quiet,
          }),
          proxy(upstreamUrl),
        ),
    }),
  },
  { connect: post, concurrency: 8 },
)

if (process.env.BENCH_SERVER === undefined) {
  const seconds = Number(process.env.BENCH_SECONDS ?? 60)
  const folder = mkdtempSync(join(tmpdir(), 'bench-audit-'))
  const postgres = await startPostgres(['-c', 'fsync=on'])
  const pool = new pg.Pool({ connectionString: postgres.url })
  await pool.query(auditSchema())
  const database = new Database(join(folder, 'audit.db'))
  console.log(
    `\n1,000 calls/s for ${seconds} s\n\n| sink | calls | rows | lost | longest wait of a call | CPU |\n|---|---|---|---|---|---|`,
  )
  await steady('memory', memoryAudit({ maxEvents: 1_000_000 }), seconds / 6, async () => 0)
  await steady('Postgres', postgresAudit(pool), seconds, async () =>
    Number((await pool.query('SELECT count(DISTINCT request_id) FROM mcp_audit')).rows[0].count),
  )
  await steady('SQLite', sqliteAudit(database), seconds, async () => {
    const [row] = database.prepare('SELECT count(DISTINCT request_id) AS count FROM mcp_audit').all() as {
      count: number
    }[]
    return row?.count ?? 0
  })
  await pool.end()
  await postgres.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** Calls at a fixed rate, and counts the rows by request id. */
async function steady(name: string, sink: AuditStore, seconds: number, count: () => Promise<number>): Promise<void> {
  const audit = createAudit({ sink, logger: quiet })
  const gateway = guarded(audit)
  let calls = 0
  let longest = 0
  const start = performance.now()
  const before = process.cpuUsage()
  while (performance.now() - start < seconds * 1000) {
    const due = Math.min(seconds * 1000, Math.ceil(performance.now() - start)) - calls
    await Promise.all(
      Array.from({ length: Math.max(0, due) }, async () => {
        calls++
        const begun = performance.now()
        const request = mcpRequest({ url: `${url}/mcp`, token: 'x', method: 'tools/call', params: { name: 'hello' } })
        await (await gateway.fetch(request)).text()
        longest = Math.max(longest, performance.now() - begun)
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const { user, system } = process.cpuUsage(before)
  await audit.flush()
  const [stats] = audit.stats()
  const rows = name === 'memory' ? (stats?.written ?? 0) : await count()
  const load = ((user + system) / 10 / (seconds * 1000)).toFixed(1)
  console.log(`| ${name} | ${calls} | ${rows} | ${stats?.lost} | ${longest.toFixed(0)} ms | ${load} % of a core |`)
  await gateway.close()
}
