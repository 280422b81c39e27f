import { spawn } from 'node:child_process'

/**
 * Sends a signal to a child and all that it started. On POSIX that is its process group; on Windows `taskkill` walks
 * the tree, and there is only one way to end it: by force.
 *
 * @returns whether there was anything left to signal
 */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL' | 0): boolean {
  if (process.platform === 'win32') return signal === 0 ? isAlive(pid) : killTree(pid, signal)
  return isAlive(-pid, signal)
}

function isAlive(pid: number, signal: 'SIGTERM' | 'SIGKILL' | 0 = 0): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    // EPERM: there is something, in our group yet not ours (a set-uid program)
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** What ends a tree on Windows: a console program has no SIGTERM, so the polite step is left out. */
export function taskkillArguments(pid: number): string[] {
  return ['/PID', String(pid), '/T', '/F']
}

function killTree(pid: number, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  if (signal === 'SIGTERM') return isAlive(pid)
  spawn('taskkill', taskkillArguments(pid), { stdio: 'ignore', windowsHide: true }).on('error', () => undefined)
  return true
}
