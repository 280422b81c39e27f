import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/free-port.mjs'
import { installTools } from '../../scripts/install-tools.mjs'
import { startProgram } from './server-process.js'

// 96 MB, which is too much for everybody who installs the tree
const version = '@cerbos/cerbos-linux-x64@0.55.0'
const folder = join(import.meta.dirname, '../../node_modules/.cache/cerbos')
const binary = join(folder, 'node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64')

/**
 * Whether tests that need Cerbos can run. On a machine that tests for everybody (`CI`) it is installed; elsewhere they are
 * left out where it is missing, and this says so.
 */
export function hasCerbos(): boolean {
  if (existsSync(binary)) return true
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.warn('\n  NOT TESTED: Cerbos is installed on Linux on x64 alone, so nothing here was tried against it.\n')
    return false
  }
  if (process.env.CI) {
    installTools(folder, [version])
    return true
  }
  console.warn(
    `\n  NOT TESTED: Cerbos is not installed, so nothing here was tried against it. CI=true installs it, and so does\n` +
      `  npm install --prefix ${folder} --no-save --no-package-lock ${version}\n`,
  )
  return false
}

/** A policy decision point that speaks AuthZEN. */
export interface Cerbos {
  readonly url: string
  end(): Promise<void>
}

/** @param policies the texts of policy files, by their names */
export async function startCerbos(policies: Readonly<Record<string, string>>): Promise<Cerbos> {
  const home = mkdtempSync(join(tmpdir(), 'cerbos-'))
  const stored = join(home, 'policies')
  mkdirSync(stored)
  for (const [name, text] of Object.entries(policies)) writeFileSync(join(stored, name), text)
  const [port, grpc] = [await freePort(), await freePort()]
  const config = join(home, 'config.yaml')
  writeFileSync(
    config,
    `server:
  httpListenAddr: 127.0.0.1:${port}
  grpcListenAddr: 127.0.0.1:${grpc}
telemetry:
  disabled: true
storage:
  driver: disk
  disk:
    directory: ${stored}
`,
  )
  const started = await startProgram(binary, ['server', `--config=${config}`], /HTTP server|Starting HTTP/)
  return {
    url: `http://127.0.0.1:${port}`,
    async end() {
      await started.end('SIGTERM')
      rmSync(home, { recursive: true })
    },
  }
}
