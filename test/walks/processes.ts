import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The processes that a process started, and those that these started, as far as they run. */
export function descendants(pid: number): number[] {
  const parents = parentsByProcess()
  const children = (of: number): number[] =>
    [...parents].filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...children(child)])
  return children(pid)
}

/** Whether a process runs; one that has ended and was not yet collected by its parent does not. */
export function isRunning(pid: number): boolean {
  return parentsByProcess().has(pid)
}

/** Resolves to those of the processes that still run when the time is over, at once if none does. */
export async function survivors(pids: readonly number[], seconds: number): Promise<number[]> {
  const deadline = Date.now() + seconds * 1_000
  for (;;) {
    const left = pids.filter(isRunning)
    if (left.length === 0 || Date.now() > deadline) return left
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function parentsByProcess(): Map<number, number> {
  const rows = process.platform === 'linux' ? fromProc() : fromPs()
  return new Map(rows.filter(([, , state]) => !state.startsWith('Z')).map(([pid, parent]) => [pid, parent]))
}

type Row = readonly [pid: number, parent: number, state: string]

function fromProc(): Row[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // `pid (name) state parent …`, where the name may hold anything
        const [state = '', parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        return [[Number(name), Number(parent), state] as const]
      } catch {
        return []
      }
    })
}

function fromPs(): Row[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, state = ''] = line.trim().split(/\s+/)
      return [Number(pid), Number(parent), state] as const
    })
}
