import { spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A program that runs for a test. */
export interface Running {
  /** What it wrote so far. */
  readonly log: () => string
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>
}

/** The path of a program, or `undefined` where it is not installed. Servers are often outside of a user's PATH. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** A folder of its own for a program's configuration and data. */
export function temporaryFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `${name}-`))
}

/**
 * Starts a program in its folder and waits until it takes connections on a port.
 *
 * @param options.cwd the folder that it runs in, where that is another one
 * @param options.timeout seconds that it may take to start
 */
export async function startProgram(
  program: string,
  args: readonly string[],
  {
    folder,
    cwd = folder,
    port,
    env = {},
    timeout = 10,
  }: { folder: string; cwd?: string; port: number; env?: Record<string, string>; timeout?: number },
): Promise<Running> {
  const child = spawn(program, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-100_000)
    })
  }
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000)
    await exited
    clearTimeout(timer)
    rmSync(folder, { recursive: true, force: true })
  }
  const deadline = Date.now() + timeout * 1000
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`${program} did not start:\n${text}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  return { log: () => text, stop }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    const end = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
