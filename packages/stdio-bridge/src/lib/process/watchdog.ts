import { type ChildProcess, spawn } from 'node:child_process'
import type { Logger } from '@mcp-gateway/core'

// Reads "+ group" and "- group" lines. When its input ends, the bridge is gone, however it went: what is left in the
// groups ends too. The groups are leaders' pids of ours that we have not reported dead, so they are not reused. There is
// no `--` before a group, because the `kill` of dash takes it for a number.
const script = `trap '' HUP INT TERM
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -TERM "-$group"; done 2>/dev/null
for round in 1 2 3 4 5 6 7 8 9 10; do
  left=
  for group in $groups; do kill -0 "-$group" && left=1; done 2>/dev/null
  [ -n "$left" ] || exit 0
  sleep 0.1
done
for group in $groups; do kill -KILL "-$group"; done 2>/dev/null
exit 0`

/**
 * Ends the children of a bridge that was killed: one small shell, in a group of its own, whose stdin is the only thing
 * that ties it to us. It does not reach a process that left its child's group (`setsid`), and there is none on Windows.
 */
export class Watchdog {
  readonly #logger: Logger
  #shell: ChildProcess | undefined
  readonly #groups = new Set<number>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Watches the process group that this process leads. */
  add(group: number): void {
    if (process.platform === 'win32') return
    this.#groups.add(group)
    if (this.#shell === undefined) this.#start()
    else this.#shell.stdin?.write(`+ ${group}\n`)
  }

  /** The group is empty. */
  remove(group: number): void {
    if (this.#groups.delete(group)) this.#shell?.stdin?.write(`- ${group}\n`)
  }

  /** Ends the watchdog; resolves when it is gone. */
  async close(): Promise<void> {
    const shell = this.#shell
    if (shell === undefined) return
    this.#shell = undefined
    const gone = new Promise((resolve) => shell.once('close', resolve))
    shell.ref()
    shell.stdin?.end()
    if (shell.exitCode === null && shell.signalCode === null) await gone
  }

  #start(): void {
    const lost = (why: unknown) => {
      if (this.#shell !== shell) return
      this.#shell = undefined
      this.#logger.warn({ why: String(why) }, 'The watchdog of the children ended; a killed bridge may leave children')
    }
    let shell: ChildProcess | undefined
    try {
      shell = spawn('/bin/sh', ['-c', script], {
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
        env: { PATH: process.env.PATH },
      })
    } catch (error) {
      // The child that it is for runs already
      lost(error)
      return
    }
    this.#shell = shell
    shell.once('error', lost)
    shell.once('exit', lost)
    shell.stdin?.on('error', () => undefined)
    shell.unref()
    const pipe: unknown = shell.stdin
    if (pipe !== null && typeof pipe === 'object' && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref()
    for (const group of this.#groups) shell.stdin?.write(`+ ${group}\n`)
  }
}
