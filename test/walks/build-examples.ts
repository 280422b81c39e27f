import { execFile } from 'node:child_process'
import { mkdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ExampleName } from './example-process.js'

const root = join(import.meta.dirname, '../..')
const lock = join(root, 'node_modules/.cache/build-examples.lock')

/**
 * Builds an example and what it depends on, as `npm start` does. What has not changed since the last build comes from
 * the cache; test files that run at the same time build one after the other.
 */
export async function buildExample(name: ExampleName): Promise<void> {
  await build(`@mcp-gateway/example-${name}...`)
}

/** Builds what a filter of turbo selects. */
export async function build(filter: string): Promise<void> {
  await locked(async () => {
    const turbo = join(root, 'node_modules/turbo/bin/turbo')
    const args = [turbo, 'run', 'build', `--filter=${filter}`, '--output-logs=errors-only']
    const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' }
    await promisify(execFile)(process.execPath, args, { cwd: root, env, timeout: 280_000 }).catch((error) => {
      throw new Error(`${filter} does not build:\n${error.stdout}\n${error.stderr}`)
    })
  })
}

async function locked(work: () => Promise<void>): Promise<void> {
  mkdirSync(join(lock, '..'), { recursive: true })
  while (!acquired()) await new Promise((resolve) => setTimeout(resolve, 200))
  try {
    await work()
  } finally {
    rmdirSync(lock)
  }
}

function acquired(): boolean {
  try {
    mkdirSync(lock)
    return true
  } catch {
    // Left by a run that was killed.
    if (Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 300_000) rmdirSync(lock)
    return false
  }
}
