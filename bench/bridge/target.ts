import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../scripts/free-port.mjs'
import { call, openSession } from './load.js'

/** A bridge under measurement, as a process of its own. */
export interface Target {
  readonly name: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly process: ChildProcess
}

const child = ['node', fileURLToPath(new URL('../../test/fixtures/fast-server.mjs', import.meta.url))]

/** Starts one of our own variants. */
export async function startOwn(variant: string, env = {}, headers: Record<string, string> = {}): Promise<Target> {
  const file = fileURLToPath(new URL('serve.ts', import.meta.url))
  const flags = ['--import', 'tsx']
  const server = spawn(process.execPath, [...flags, file, variant, ...child], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const [line] = await once(server.stdout, 'data')
  return { name: variant, url: String(line).trim(), headers, process: server }
}

/** Installs the peers into a temporary folder. */
export function installPeers(): string {
  const folder = process.env.BENCH_PEERS ?? mkdtempSync(join(tmpdir(), 'bridge-peers-'))
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
  if (process.env.BENCH_PEERS === undefined) {
    const packages = ['supergateway@4.0.0', 'mcp-proxy@6.7.19']
    spawnSync('npm', ['install', '--prefix', folder, ...flags, ...packages], { stdio: 'inherit' })
  }
  return join(folder, 'node_modules')
}

/** Starts a peer, in its stateful mode where it has several. */
export async function startPeer(name: 'supergateway' | 'mcp-proxy', modules: string): Promise<Target> {
  const port = await freePort()
  const [node, script] = child
  const peers = {
    supergateway: [
      join(modules, 'supergateway/dist/index.js'),
      ...['--stdio', `${node} ${script}`, '--outputTransport', 'streamableHttp', '--stateful'],
      ...['--port', String(port), '--logLevel', 'none'],
    ],
    'mcp-proxy': [
      join(modules, 'mcp-proxy/dist/bin/mcp-proxy.mjs'),
      ...['--port', String(port), '--server', 'stream', '--', ...child],
    ],
  }
  const server = spawn(process.execPath, peers[name], { stdio: 'ignore' })
  const target = { name, url: `http://127.0.0.1:${port}/mcp`, headers: {}, process: server }
  for (let attempt = 0; attempt < 600; attempt++) {
    try {
      await call(target, await openSession(target), { mark: 'ready' })
      return target
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  throw new Error(`${name} did not start`)
}

/** CPU time of the bridge alone, without its children, in ms. */
export function cpuOf({ process: { pid } }: Target): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  // In ticks of 10 ms, as Linux counts for everybody
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Resident memory of the bridge alone, in MiB. */
export function memoryOf({ process: { pid } }: Target): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** Processes below the bridge. */
export function processesOf({ process: { pid } }: Target): number {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const status = readFileSync(`/proc/${entry}/status`, 'utf8')
      parents.set(Number(entry), Number(/PPid:\t(\d+)/.exec(status)?.[1]))
    } catch {
      // It ended meanwhile
    }
  }
  const isBelow = (process: number | undefined): boolean =>
    process !== undefined && process > 1 && (process === pid || isBelow(parents.get(process)))
  return [...parents.values()].filter(isBelow).length
}

export async function stop(target: Target): Promise<void> {
  target.process.kill('SIGTERM')
  const timer = setTimeout(() => target.process.kill('SIGKILL'), 3000)
  if (target.process.exitCode === null && target.process.signalCode === null) await once(target.process, 'exit')
  clearTimeout(timer)
}
