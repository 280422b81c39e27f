// The one command before a commit. `npm run check` runs every step; `npm run check -- style types` runs some of them.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const packages = readdirSync(join(root, 'packages')).map((name) => join('packages', name))

/** Each step is a list of commands; it fails with the first command that fails. */
const steps = {
  style: [['biome', 'check', '--error-on-warnings', '.']],
  types: [['tsc', '--noEmit', '-p', 'tsconfig.json']],
  shape: [
    ['node', 'scripts/shape.mjs'],
    ['depcruise', '--config', '.dependency-cruiser.mjs', 'packages'],
  ],
  docs: [
    ['node', 'scripts/readme.mjs'],
    ['node', 'scripts/examples.mjs'],
  ],
  unused: [['knip', '--treat-config-hints-as-errors']],
  build: [['npm', 'run', '--silent', 'build']],
  publint: packages.map((folder) => ['publint', 'run', folder, '--strict']),
  attw: packages.map((folder) => ['attw', '--pack', folder, '--profile', 'esm-only', '--format', 'ascii']),
  size: [['size-limit']],
  tests: [['vitest', 'run']],
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(steps, name))
if (unknown.length > 0) {
  console.error(`There is no step ${unknown.join(', ')}. Steps: ${Object.keys(steps).join(', ')}`)
  process.exit(1)
}

const env = {
  ...process.env,
  PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
  NEXT_TELEMETRY_DISABLED: '1',
  TURBO_TELEMETRY_DISABLED: '1',
}
const failed = []
for (const [name, commands] of Object.entries(steps)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const started = Date.now()
  const failure = commands.map(run).find(({ status }) => status !== 0)
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  console.log(`${failure ? 'failed' : 'passed'}  ${name.padEnd(8)} ${seconds.padStart(6)} s`)
  if (!failure) continue
  failed.push(name)
  console.error(`\n$ ${failure.command}\n${failure.output.trim()}\n`)
}

if (failed.length > 0)
  console.error(`\nFailed: ${failed.join(', ')}. Run one alone with: npm run check -- ${failed[0]}`)
process.exit(failed.length > 0 ? 1 : 0)

function run([command, ...args]) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 1e8,
  })
  return { status, command: [command, ...args].join(' '), output: error ? error.message : `${stdout}${stderr}` }
}
