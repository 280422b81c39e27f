import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { descendants, isRunning } from './processes.js'

const examples = join(import.meta.dirname, '../../examples')

/** What each example is started with once it is built. */
export const programs = {
  express: [join(examples, 'express/dist/server.js')],
  hono: [join(examples, 'hono/dist/server.js')],
  next: [join(examples, 'next/start.mjs')],
} as const

export type ExampleName = keyof typeof programs

/** How a process ended, and what it said until then. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

/** An example that runs as a process of its own. */
export interface RunningExample {
  /** What it says it is reachable at. */
  readonly url: string
  readonly pid: number
  readonly banner: string
  output(): string
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<Ended>
}

/**
 * Starts an example in a folder of its own, on a free port unless `env` says otherwise, and waits until it says that it
 * is up. Nothing of the surrounding environment reaches it but what finds programs.
 */
export async function startExample(name: ExampleName, env: Record<string, string> = {}): Promise<RunningExample> {
  const { child, ended, output } = spawnExample(name, env)
  const started = await Promise.race([upOf(child, output), ended.then(() => undefined)])
  if (!started) throw new Error(`The example ended instead of starting:\n${output()}`)
  return { ...started, pid: child.pid as number, output, kill: (signal) => child.kill(signal), ended }
}

/** Starts an example that is expected to end by itself, and waits until it has. */
export async function runExample(name: ExampleName, env: Record<string, string>): Promise<Ended> {
  const { child, ended } = spawnExample(name, env)
  const timer = setTimeout(() => child.kill('SIGKILL'), 45_000)
  return ended.finally(() => clearTimeout(timer))
}

function spawnExample(name: ExampleName, env: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  const child = spawn(process.execPath, programs[name], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, PORT: '0', INIT_CWD: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  const output = () => text
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      rmSync(folder, { recursive: true, force: true })
      resolve({ code, signal, output: text })
    })
  })
  onTestFinished(() => end(child, ended))
  return { child, ended, output }
}

// Whatever a test leaves behind, its process and everything that process started.
async function end(child: ChildProcess, ended: Promise<Ended>): Promise<void> {
  const family = descendants(child.pid as number)
  child.kill('SIGKILL')
  await ended
  for (const pid of family) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
}

async function upOf(child: ChildProcess, output: () => string): Promise<{ url: string; banner: string }> {
  const stdout = child.stdout as NodeJS.ReadableStream
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`The example did not start in 45 seconds:\n${output()}`)), 45_000)
    const look = () => {
      const url = output().match(/MCP Gateway is up[\s\S]*?(http:\/\/127\.0\.0\.1:\d+)[\s\S]*Ctrl-C stops it\./)?.[1]
      if (!url) return
      clearTimeout(timer)
      stdout.off('data', look)
      resolve({ url, banner: output() })
    }
    stdout.on('data', look)
  })
}
