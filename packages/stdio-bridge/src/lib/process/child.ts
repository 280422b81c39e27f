import { type ChildProcess, spawn } from 'node:child_process'
import type { Logger } from '@mcp-gateway/core'
import { LineReader } from '../wire/line-reader.js'
import { signalGroup } from './process-group.js'
import { StderrLog } from './stderr-log.js'
import type { Watchdog } from './watchdog.js'
import { type ChildSpec, windowsCommand } from './windows-command.js'

/** What a child needs from its bridge. */
export interface ChildHost {
  readonly spec: ChildSpec
  readonly logger: Logger
  readonly watchdog: Watchdog
  readonly maxLineBytes: number
  /** Seconds between the end of stdin and SIGTERM, and between SIGTERM and SIGKILL. */
  readonly stopGrace: readonly [number, number]
}

/** How a child ended. */
export interface Ending {
  /** Whether we asked for it. */
  readonly expected: boolean
  readonly code?: number | null
  readonly signal?: string | null
  /** The pipe that it closed although it lived on, so that it was stopped. */
  readonly closed?: 'stdin' | 'stdout'
  /** Why it could not be started at all. */
  readonly error?: Error
}

/** Who reads what a child writes. */
export interface ChildReader {
  line(line: Buffer): void
  overlong(head: Buffer, tail: Buffer, bytes: number): void
  /** Once; nothing comes after it. */
  ended(ending: Ending): void
}

const noopObserver: ChildReader = { line: () => undefined, overlong: () => undefined, ended: () => undefined }

/** How long a child that has closed a pipe may take to end, in ms: one that ends closes them too. */
const closedMs = 250

/** How long what a dead child had written may still take to arrive when somebody else keeps its pipes open, in ms. */
const drainMs = 250

/** One child process: lines in, lines out, and an end that leaves nothing of its group behind (MCP S3). */
export class Child {
  reader: ChildReader = noopObserver
  /** Hears of the first answer, after which the child counts as started. */
  onFirstAnswer: () => void = () => undefined
  /** To be called where nobody asks it anything at once: others may start meanwhile. */
  yieldTurn: () => void = () => undefined
  /** Hears of the end. */
  onEnd: (ending: Ending) => void = () => undefined
  /** Whether its first request is one that a legacy server may die of. */
  isProbed = false
  /** Whether it was stopped because its first answer took too long. */
  wasTooSlow = false
  /** Resolves when the process and its group are gone. */
  readonly gone: Promise<void>
  readonly startedAt: number = performance.now()
  readonly #host: ChildHost
  readonly #process: ChildProcess
  readonly #stderr: StderrLog
  readonly #lines: LineReader
  #gone: () => void = () => undefined
  #stopping = false
  #hasExited = false
  #isSwept = false
  #hasAnswered = false
  #ending: Ending | undefined
  #timers: NodeJS.Timeout[] = []

  constructor(host: ChildHost) {
    this.#host = host
    const { command, args, options } = windowsCommand(host.spec)
    this.#process = spawn(command, args, {
      ...options,
      env: host.spec.env,
      ...(host.spec.cwd === undefined ? {} : { cwd: host.spec.cwd }),
      detached: process.platform !== 'win32',
      windowsHide: true,
      stdio: 'pipe',
    })
    const { pid } = this.#process
    this.#stderr = new StderrLog(host.logger, { pid })
    this.#lines = new LineReader({
      maxBytes: host.maxLineBytes,
      onLine: (line) => this.reader.line(line),
      onOverlong: (head, tail, bytes) => this.reader.overlong(head, tail, bytes),
    })
    this.gone = new Promise((resolve) => {
      this.#gone = resolve
    })
    if (pid !== undefined) host.watchdog.add(pid)
    this.#listen()
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Set once the child has ended. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  get isStopping(): boolean {
    return this.#stopping
  }

  /** It speaks MCP: whoever reads it has got an answer. */
  answered(): void {
    if (this.#hasAnswered) return
    this.#hasAnswered = true
    this.onFirstAnswer()
  }

  /** The last lines it wrote to stderr. */
  get stderr(): string[] {
    return this.#stderr.tail()
  }

  /** Bytes that the child has not taken from its stdin yet; none where it gets no more. */
  get queued(): number {
    return this.#ending !== undefined || this.#stopping ? 0 : (this.#process.stdin?.writableLength ?? 0)
  }

  /** Writes one line, its line end included. */
  write(line: Buffer): void {
    if (this.#ending === undefined && !this.#stopping) this.#process.stdin?.write(line)
  }

  pause(): void {
    this.#process.stdout?.pause()
  }

  resume(): void {
    this.#process.stdout?.resume()
  }

  /** Ends stdin, then SIGTERM, then SIGKILL, each to the whole group; resolves when nothing is left. */
  stop(): Promise<void> {
    if (this.#stopping || this.#ending !== undefined) return this.gone
    this.#stopping = true
    this.#askToEnd()
    return this.gone
  }

  #askToEnd(): void {
    const [first, second] = this.#host.stopGrace
    this.#process.stdin?.end()
    this.#process.stdout?.resume()
    this.#later(first, () => this.#signal('SIGTERM'))
    this.#later(first + second, () => this.#signal('SIGKILL'))
  }

  #listen(): void {
    const { stdin, stdout, stderr } = this.#process
    // EPIPE: the child is about to end, or has closed its stdin
    stdin?.on('error', () => this.#closed('stdin'))
    stdout?.on('data', (chunk: Buffer) => this.#lines.push(chunk))
    stdout?.on('error', () => undefined)
    stdout?.once('close', () => this.#closed('stdout'))
    stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    stderr?.on('error', () => undefined)
    this.#process.once('error', (error) => {
      // `error` also tells of a signal that could not be sent; only a process without a pid was never there
      if (this.#process.pid === undefined) this.#end({ expected: false, error })
    })
    this.#process.once('exit', (code, signal) => {
      this.#hasExited = true
      const end = () => this.#end({ expected: this.#stopping, code, signal })
      if (stdout === null || stdout.readableEnded || stdout.destroyed) {
        end()
        return
      }
      // A full stdout is read to its end first, even when nobody wanted more at the moment
      stdout.resume()
      stdout.once('end', end)
      setTimeout(end, drainMs).unref()
    })
  }

  /** A child without one of its pipes cannot be spoken with: it is over, even if it lives on. */
  #closed(pipe: 'stdin' | 'stdout'): void {
    const isOver = () => this.#hasExited || this.#stopping || this.#ending !== undefined
    if (isOver()) return
    // What is about to end tells why. An end that is known by now, and waits behind a late timer, is heard first
    const look = () => {
      if (isOver()) return
      this.#tell({ expected: false, closed: pipe })
      this.#askToEnd()
    }
    setTimeout(() => setImmediate(look), closedMs).unref()
  }

  #end(ending: Ending): void {
    if (this.#isSwept) return
    this.#isSwept = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#tell(ending)
    this.#sweep()
  }

  #tell(ending: Ending): void {
    if (this.#ending !== undefined) return
    this.#ending = ending
    this.#lines.end()
    this.#stderr.end()
    this.onEnd(ending)
    this.reader.ended(ending)
    this.reader = noopObserver
  }

  /** The leader is dead: what it started and left in its group ends too. */
  #sweep(): void {
    const { pid, stdin, stdout, stderr } = this.#process
    for (const pipe of [stdin, stdout, stderr]) pipe?.destroy()
    const done = () => {
      if (pid !== undefined) this.#host.watchdog.remove(pid)
      this.#gone()
    }
    if (pid === undefined || process.platform === 'win32' || !signalGroup(pid, 'SIGTERM')) {
      done()
      return
    }
    const until = performance.now() + this.#host.stopGrace[1] * 1000
    const look = () => {
      if (!signalGroup(pid, 0)) {
        done()
      } else if (performance.now() < until) {
        setTimeout(look, 20)
      } else {
        signalGroup(pid, 'SIGKILL')
        setTimeout(done, 20)
      }
    }
    look()
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.pid !== undefined) signalGroup(this.pid, signal)
  }

  #later(seconds: number, action: () => void): void {
    this.#timers.push(setTimeout(action, seconds * 1000))
  }
}
