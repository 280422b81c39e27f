import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The processes that a process started, and those that these started, whose command line has this text in it. */
export function descendants(pid: number, text = ''): number[] {
  const all = processes()
  const children = (of: number): Process[] =>
    all.filter(({ parent }) => parent === of).flatMap((child) => [child, ...children(child.pid)])
  return children(pid)
    .filter(({ command }) => command.includes(text))
    .map((child) => child.pid)
}

/** Whether a process runs; one that has ended and was not yet collected by its parent does not. */
export function isRunning(pid: number): boolean {
  return processes().some((process) => process.pid === pid)
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

interface Process {
  readonly pid: number
  readonly parent: number
  readonly state: string
  readonly command: string
}

function processes(): Process[] {
  return (process.platform === 'linux' ? fromProc() : fromPs()).filter(({ state }) => !state.startsWith('Z'))
}

function fromProc(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // `pid (name) state parent …`, where the name may hold anything
        const [state = '', parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return [{ pid: Number(name), parent: Number(parent), state, command }]
      } catch {
        return []
      }
    })
}

function fromPs(): Process[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, state = '', ...command] = line.trim().split(/\s+/)
      return { pid: Number(pid), parent: Number(parent), state, command: command.join(' ') }
    })
}
