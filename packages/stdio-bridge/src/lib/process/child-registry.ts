import { statSync } from 'node:fs'
import type { Logger } from '@mcp-gateway/core'
import type { Refusal } from '@mcp-gateway/core/internal'
import { cannotStart, temporary } from '../refusals/refusals.js'
import { Child, type ChildHost, type Ending } from './child.js'

/** Starts children, knows all that exist, and leaves none behind. */
export class ChildRegistry {
  readonly children: Set<Child> = new Set()
  readonly counts: { spawned: number; failedStarts: number; crashed: number } = {
    spawned: 0,
    failedStarts: 0,
    crashed: 0,
  }
  readonly #host: ChildHost
  readonly #logger: Logger

  constructor(host: ChildHost) {
    this.#host = host
    this.#logger = host.logger
  }

  /**
   * A new child.
   *
   * @throws {Refusal} when the system refuses a process at once; most refusals come later, as the end of the child
   */
  spawn(): Child {
    const { command, cwd } = this.#host.spec
    let child: Child
    try {
      child = new Child(this.#host)
    } catch (error) {
      this.#logger.error({ command, err: withoutArguments(error) }, whyNoStart(error, command, cwd))
      throw refusedBySystem(error)
    }
    this.children.add(child)
    if (child.pid !== undefined) {
      this.counts.spawned++
      // MCP S4; arguments may hold what is private
      this.#logger.info({ command, pid: child.pid }, 'The MCP server was started')
    }
    void child.gone.then(() => {
      this.children.delete(child)
      if (child.ending !== undefined) this.#report(child, child.ending)
    })
    return child
  }

  /** Stops everything; resolves when no process is left. */
  async close(): Promise<void> {
    await Promise.all([...this.children].map((child) => child.stop()))
    await this.#host.watchdog.close()
  }

  #report(child: Child, { expected, code, signal, closed, error }: Ending): void {
    const { command, cwd } = this.#host.spec
    const seconds = Math.round((performance.now() - child.startedAt) / 100) / 10
    if (child.wasTooSlow) {
      const text = 'The MCP server did not answer in time after its start and was stopped'
      this.#logger.warn({ command, pid: child.pid, seconds, stderr: child.stderr }, text)
      return
    }
    if (expected) {
      this.#logger.info({ command, pid: child.pid }, 'The MCP server was stopped')
      return
    }
    if (error !== undefined) {
      this.#logger.error({ command, err: withoutArguments(error) }, whyNoStart(error, command, cwd))
      return
    }
    this.counts.crashed++
    const facts = { command, pid: child.pid, seconds, stderr: child.stderr }
    if (closed === undefined) {
      this.#logger.warn({ ...facts, exitCode: code, signal }, 'The MCP server ended by itself')
    } else {
      this.#logger.warn(facts, `The MCP server closed its ${closed} and lived on, so it was stopped`)
    }
  }
}

/** Node puts the arguments, which may hold what is private, beside the message. */
function withoutArguments(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const { name, message, code } = error as NodeJS.ErrnoException
  return { name, message, code }
}

function whyNoStart(error: unknown, command: string, cwd: string | undefined): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (isShortage(error)) {
    return `The machine has no room for another process (${code}); lower maxSessions or raise the limits of the machine`
  }
  // Node blames the command for a missing working directory too
  if (cwd !== undefined && statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return `The working directory ${cwd} does not exist; change "cwd"`
  }
  if (code === 'ENOENT') return `There is no program "${command}"; install it, or change "command" or PATH`
  if (code === 'EACCES') return `The program "${command}" may not be executed; change its permissions or "command"`
  return `The program "${command}" could not be started`
}

const noRoom = temporary(
  503,
  'The machine has no room for another MCP server process; its operator finds the reason in the log',
  10,
)

/** What a caller is told when the system refuses a process. */
export function refusedBySystem(error: unknown): Refusal {
  return isShortage(error) ? noRoom : cannotStart
}

/** Whether the machine has too little of something, which may pass. */
function isShortage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EAGAIN' || code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM'
}
