import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

// A copy of the sources in which two revisions are added to the one file that lists them, and nothing else is changed.
const root = join(import.meta.dirname, '../..')
const copy = mkdtempSync(join(tmpdir(), 'new-revision-'))
const run = promisify(execFile)

const modern = '2099-01-01'
const legacy = '2098-01-01'
const added = `  { version: '${modern}', era: 'modern', hasBatches: false, hasEmptyEvents: true, urlElicitation: 'without-id' },
  { version: '${legacy}', era: 'legacy', hasBatches: false, hasEmptyEvents: true, urlElicitation: 'with-id' },
`

function copyPackages(): void {
  for (const name of ['core', 'forward-auth', 'stdio-bridge']) {
    cpSync(join(root, 'packages', name, 'src'), join(copy, 'packages', name, 'src'), {
      recursive: true,
      filter: (path) => !/\.test(-d)?\.ts$/.test(path),
    })
    cpSync(join(root, 'packages', name, 'package.json'), join(copy, 'packages', name, 'package.json'))
  }
  mkdirSync(join(copy, 'node_modules/@mcp-gateway'), { recursive: true })
  for (const name of ['core', 'forward-auth', 'stdio-bridge']) {
    symlinkSync(join(copy, 'packages', name), join(copy, 'node_modules/@mcp-gateway', name))
  }
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name.startsWith('.') || name === '@mcp-gateway') continue
    symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name))
  }
}

function addRevisions(): void {
  const path = join(copy, 'packages/core/src/lib/protocol/revisions.ts')
  const start = 'const revisions: readonly Revision[] = [\n'
  const text = readFileSync(path, 'utf8')
  expect(text).toContain(start)
  writeFileSync(path, text.replace(start, start + added))
}

/** A stdio server of the new modern revision alone, and one of the legacy era. */
function copyServers(): void {
  mkdirSync(join(copy, 'fixtures'))
  for (const name of readdirSync(join(root, 'test/fixtures')).filter((name) => name.endsWith('.mjs'))) {
    const text = readFileSync(join(root, 'test/fixtures', name), 'utf8')
    writeFileSync(join(copy, 'fixtures', name), text.replaceAll('2026-07-28', modern))
    if (name === 'modern-server.mjs') writeFileSync(join(copy, 'fixtures/older-server.mjs'), text)
  }
}

const settings = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'))

const program = `
import { fromFetchServer, message } from '@mcp-gateway/core/gateway'
import { translateEras } from '@mcp-gateway/core/eras'
import { fakeMcpServer, mcpAnswer, mcpRequest } from '@mcp-gateway/core/testing'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'

const url = 'https://mcp.test/mcp'
const auth = { token: 't', clientId: 'c', scopes: [], expiresAt: 4_000_000_000, extra: { issuer: 'https://issuer.test', subject: 'alice' } }
const found: Record<string, unknown> = {}

const guarded = message()
await guarded(mcpRequest({ url, method: 'tools/list', era: 'modern' }), {}, (_request, context) => {
  found.message = [context.message?.protocolVersion, context.message?.era]
  return new Response(null, { status: 202 })
})
const unknown = mcpRequest({ url, headers: { 'MCP-Protocol-Version': '2097-01-01' } })
const refused = await mcpAnswer(await guarded(unknown, {}, () => new Response()))
found.supported = (refused.error as { data: { supported: string[] } }).data.supported.slice(0, 2)

const initialize = (id: number) => mcpRequest({
  ...{ url, id, method: 'initialize' },
  params: { protocolVersion: '${legacy}', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
})
const logger = { debug() {}, info() {}, warn() {}, error() {} }
const bridge = (name: string) =>
  createStdioBridge({ command: process.execPath, args: [process.cwd() + '/fixtures/' + name], logger, drainTimeout: 0 })
const ask = async (server: { fetch(request: Request): Promise<Response> | Response }, request: Request) =>
  (await mcpAnswer(await server.fetch(request))) as { result?: any; error?: unknown }

const overLegacy = bridge('legacy-server.mjs')
const discovered = await ask(overLegacy, mcpRequest({ url, method: 'server/discover', era: 'modern' }))
found.bridgeDiscovers = discovered.result?.supportedVersions ?? discovered
found.bridgeTranslates = 'result' in (await ask(overLegacy, mcpRequest({ url, method: 'tools/list', era: 'modern' })))
await overLegacy.close()
const overModern = bridge('modern-server.mjs')
const initialized = await ask(overModern, initialize(1))
found.bridgeInitializes = initialized.result?.protocolVersion ?? initialized
const passed = await ask(overModern, mcpRequest({ url, method: 'server/discover', era: 'modern' }))
found.bridgePasses = passed.result?.supportedVersions ?? passed
await overModern.close()

const forwardAuth = createForwardAuth({
  url: 'https://mcp.test',
  auth: { issuer: 'https://issuer.test', protect: () => ({ verifyAccessToken: async () => auth }) },
  dialect: 'forwarded',
  servers: { '/mcp': { policy: () => ({ allow: true }) } },
  logger,
})
const asked = (version: string) => forwardAuth.fetch(new Request('http://forward-auth/auth', { headers: {
  'X-Forwarded-Method': 'POST', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'mcp.test', 'X-Forwarded-Uri': '/mcp',
  Authorization: 'Bearer t', 'MCP-Protocol-Version': version, 'Mcp-Method': 'tools/list',
} }))
const older = await mcpAnswer(await asked('${legacy}'))
found.forwardAuthLists = (older.error as { data: { supported: string[] } }).data.supported
found.forwardAuthPasses = (await asked('${modern}')).status

const served = fakeMcpServer({ eras: ['modern'] })
const translated = translateEras()(fromFetchServer(served))
const context = { auth }
found.translateErasPasses = 'result' in (await mcpAnswer(await translated(mcpRequest({ url, method: 'tools/list', era: 'modern' }), context)))
found.serverGot = served.requests.at(-1)?.headers.get('mcp-protocol-version')
const opened = (await mcpAnswer(await translated(initialize(2), context))) as { result?: any }
found.translateErasInitializes = opened.result?.protocolVersion ?? opened

// Two modern revisions: a server that speaks one of them, a client of the other, and a legacy client
const version = (one: string) => ({
  'MCP-Protocol-Version': one,
  'Mcp-Method': 'tools/list',
})
const listTools = (one: string) => new Request(url, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...version(one) },
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: {
    'io.modelcontextprotocol/protocolVersion': one, 'io.modelcontextprotocol/clientCapabilities': {},
  } } }),
})
/** A server over HTTP that speaks this modern revision alone. */
const speaks = (one: string) => {
  const any = fakeMcpServer({ eras: ['modern'] })
  const fetch = async (request: Request) => {
    if (request.headers.get('mcp-protocol-version') === one) return any.fetch(request)
    const { id = null } = (await request.json()) as { id?: number }
    const data = { supported: [one], requested: request.headers.get('mcp-protocol-version') }
    return Response.json({ jsonrpc: '2.0', id, error: { code: -32022, message: 'Unsupported', data } }, { status: 400 })
  }
  return { fetch, requests: any.requests }
}
const outcome = ({ result, error }: any) => result?.protocolVersion ?? (result?.tools && 'tools') ?? error?.data ?? error ?? result
const tell = async (request: Request, handler: any, context: any = { auth }) => outcome(await mcpAnswer(await handler(request, context)))
const session = async (handler: any, id: number) => {
  const response = await handler(initialize(id), { auth })
  const opened = outcome(await mcpAnswer(response.clone()))
  const headers = { 'Mcp-Session-Id': String(response.headers.get('mcp-session-id')) }
  return [opened, await tell(mcpRequest({ url, method: 'tools/list', headers }), handler)]
}
for (const [name, server] of [['older', '2026-07-28'], ['newer', '${modern}']] as const) {
  const behind = speaks(server)
  const http = translateEras()(fromFetchServer(behind))
  const guardedHttp = (request: Request, context: any) => guarded(request, context, http)
  const overStdio = bridge(name === 'older' ? 'older-server.mjs' : 'modern-server.mjs')
  const guardedStdio = (request: Request, context: any) => overStdio.handle(request, context)
  for (const [way, handler] of [['http', guardedHttp], ['stdio', guardedStdio]] as const) {
    found[way + ' ' + name] = {
      same: await tell(listTools(server), handler),
      other: await tell(listTools(server === '${modern}' ? '2026-07-28' : '${modern}'), handler),
      legacy: await session(handler, 3),
    }
  }
  await overStdio.close()
}
console.log(JSON.stringify(found))
process.exit(0)
`

beforeAll(() => {
  copyPackages()
  addRevisions()
  copyServers()
  writeFileSync(join(copy, 'package.json'), '{"type":"module"}')
  writeFileSync(join(copy, 'tsconfig.json'), JSON.stringify({ ...settings, include: ['packages/*/src'] }))
  writeFileSync(join(copy, 'run.ts'), program)
})
afterAll(() => rmSync(copy, { recursive: true, force: true }))

/** What a server of one modern revision comes to: its own clients and legacy ones are served, others hear what it speaks. */
const negotiated = (supported: string, requested: string) => ({
  same: 'tools',
  other: { supported: [supported], requested },
  legacy: [legacy, 'tools'],
})

test('a revision that is added to protocol/revisions.ts is known everywhere, and beside it the one before [M7]', async () => {
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs')
  const { stdout } = await run(process.execPath, [tsx, '--conditions=@mcp-gateway/source', 'run.ts'], { cwd: copy })
  expect(JSON.parse(stdout)).toEqual({
    message: [modern, 'modern'],
    supported: [modern, legacy],
    bridgeDiscovers: [modern, '2026-07-28'],
    bridgeTranslates: true,
    bridgeInitializes: legacy,
    bridgePasses: [modern],
    forwardAuthLists: [modern, '2026-07-28'],
    forwardAuthPasses: 200,
    translateErasPasses: true,
    serverGot: modern,
    translateErasInitializes: legacy,
    ...Object.fromEntries(
      ['http', 'stdio'].flatMap((way) => [
        [`${way} older`, negotiated('2026-07-28', modern)],
        [`${way} newer`, negotiated(modern, '2026-07-28')],
      ]),
    ),
  })
}, 240_000)

test('a revision without one of the facts does not compile', async () => {
  const path = join(copy, 'packages/core/src/lib/protocol/revisions.ts')
  const text = readFileSync(path, 'utf8')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const compile = () =>
    run(process.execPath, [tsc, '--noEmit', '-p', '.'], { cwd: copy }).then(
      () => [],
      ({ stdout }: { stdout: string }) => stdout.split('\n').filter((line) => /^\S.*error TS/.test(line)),
    )
  writeFileSync(path, text.replace(", urlElicitation: 'without-id' },", ' },'))
  const errors = await compile()
  expect(errors.map((line) => basename(line.split('(')[0] ?? ''))).toEqual(['revisions.ts'])
  writeFileSync(path, text)
}, 240_000)
