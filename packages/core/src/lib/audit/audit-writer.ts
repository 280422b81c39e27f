import type { Logger } from '../contract/logger.js'
import { inTime } from '../runtime/in-time.js'
import type { AuditEvent } from './audit-event.js'
import type { AuditSink } from './audit-sink.js'
import { Fifo } from './fifo.js'
import type { SpillFolder } from './spill-folder.js'
import { writeBatch } from './write-batch.js'

/** What is done with events for which there is no room. */
export type WhenFull = 'block' | 'spill' | 'drop'

/** Limits and times of a writer; times in milliseconds. */
export interface WriterOptions {
  readonly whenFull: WhenFull
  readonly maxEvents: number
  readonly maxBytes: number
  readonly batchDelay: number
  readonly writeTimeout: number
  readonly spill?: SpillFolder
  readonly logger: Logger
  /** Makes the event that tells of lost ones. */
  readonly gapEvent: (lost: number, from: number, to: number) => AuditEvent
}

/** Counts of a writer. */
export interface AuditWriterStats {
  readonly sink: string
  /** Events that wait in memory. */
  readonly queued: number
  readonly queuedBytes: number
  /** Bytes of events that wait on disk. */
  readonly spilledBytes: number
  readonly written: number
  /** Events for which there was no room. */
  readonly lost: number
  /** Events that the sink refused whatever was left out of them. */
  readonly refused: number
  /** Whether the sink fails at the moment. */
  readonly isFailing: boolean
}

interface Entry {
  readonly number: number
  readonly event: AuditEvent
  readonly bytes: number
  /** Hears whether it is kept. */
  readonly settle?: (isKept: boolean) => void
}

const firstPause = 100
const longestPause = 15_000

/** Writes events to one sink, one batch at a time, in their order. */
export class AuditWriter {
  readonly #sink: AuditSink
  readonly #options: WriterOptions
  /** Calls and what else went well: those that may be dropped. */
  readonly #routine = new Fifo<Entry>()
  readonly #important = new Fifo<Entry>()
  #inFlight: readonly Entry[] = []
  #bytes = 0
  #numbers = 0
  #running: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #wakePause: (() => void) | undefined
  #waiting: ((hasRoom: boolean) => void)[] = []
  #flushes: { readonly before: number; readonly resolve: () => void }[] = []
  #failure: unknown
  #pause = firstPause
  #retryAt = 0
  #isFullLogged = false
  /** Whether the timer is one that does not wait for a batch to fill. */
  #isSoon = false
  /** Whether it runs, but has nothing to do before the sink is tried again. */
  #isIdle = false
  #isOver = false
  #isClosing = false
  #counts = { written: 0, lost: 0, refused: 0 }
  #gap: { lost: number; from: number; to: number } | undefined

  constructor(sink: AuditSink, options: WriterOptions) {
    this.#sink = sink
    this.#options = options
  }

  get #size(): number {
    return this.#routine.size + this.#important.size + this.#inFlight.length
  }

  get isFull(): boolean {
    return this.#size >= this.#options.maxEvents || this.#bytes >= this.#options.maxBytes
  }

  stats(): AuditWriterStats {
    const { written, lost, refused } = this.#counts
    return {
      sink: this.#sink.name,
      queued: this.#size,
      queuedBytes: this.#bytes,
      spilledBytes: this.#options.spill?.bytes ?? 0,
      written,
      lost,
      refused,
      isFailing: this.#failure !== undefined,
    }
  }

  /** Takes an event, at once. It never throws, and never waits. */
  add(event: AuditEvent, settle?: (isKept: boolean) => void): void {
    const entry = { number: this.#numbers++, event, bytes: bytesOf(event), settle }
    if (this.#isOver) {
      this.#lose(entry)
      return
    }
    if (this.isFull) this.#makeRoom(entry)
    if (this.isFull && !this.#isOverdraft(entry)) {
      this.#lose(entry)
      return
    }
    if (event.outcome === 'ok') this.#routine.push(entry)
    else this.#important.push(entry)
    this.#bytes += entry.bytes
    this.#wake(settle !== undefined)
  }

  /** Whether there is room; a promise where it has to be waited for, of `false` after so many milliseconds. */
  room(timeout: number): true | Promise<boolean> {
    if (!this.isFull) return true
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((one) => one !== done)
        resolve(false)
      }, timeout)
      const done = (hasRoom: boolean) => {
        clearTimeout(timer)
        resolve(hasRoom)
      }
      this.#waiting.push(done)
    })
  }

  /** Resolves when all that was added so far is kept, or was given up. */
  flush(): Promise<void> {
    if (this.#size === 0) return Promise.resolve()
    const before = this.#numbers
    this.#run()
    return new Promise((resolve) => this.#flushes.push({ before, resolve }))
  }

  /** Writes what is left, for so many milliseconds; then it goes to disk where there is a folder for it. */
  async close(timeout: number): Promise<void> {
    this.#isClosing = true
    this.#pause = firstPause
    this.#wakePause?.()
    await inTime(
      () => this.flush(),
      timeout,
      () => {},
    )
    this.#isOver = true
    this.#wakePause?.()
    await this.#giveUp()
    for (const done of this.#waiting.splice(0)) done(false)
    await this.#sink.close?.()
  }

  /** @throws the failure of the sink, where requests wait for it */
  async check(): Promise<unknown> {
    if (this.#failure === undefined) return this.#sink.check?.()
    const { lost } = this.#counts
    const why = `audit events cannot be written to ${this.#sink.name}: ${textOf(this.#failure)}`
    if (this.#options.whenFull === 'block' || this.isFull) throw new Error(why, { cause: this.#failure })
    return { degraded: lost > 0 ? `${why}; ${lost} were lost` : why }
  }

  /** Blocked requests may each add what they are about to end with: as many as there are requests, but not without end. */
  #isOverdraft({ bytes }: Entry): boolean {
    const { whenFull, maxEvents, maxBytes } = this.#options
    return whenFull === 'block' && this.#size < maxEvents * 2 && this.#bytes + bytes < maxBytes * 2
  }

  #makeRoom({ event }: Entry): void {
    this.#logFull()
    if (this.#options.whenFull === 'block') return
    // Of two that went well the older goes; a denial stays as long as there is anything else to drop
    const oldest = this.#routine.peek()
    if (oldest === undefined || (event.outcome === 'ok' && this.#routine.size === 0)) return
    while (this.isFull) {
      const entry = this.#routine.shift()
      if (entry === undefined) return
      this.#bytes -= entry.bytes
      this.#lose(entry)
    }
  }

  #lose({ event, settle }: Entry): void {
    this.#counts.lost++
    const { ts } = event
    this.#gap ??= { lost: 0, from: ts, to: ts }
    this.#gap.lost++
    this.#gap.to = ts
    settle?.(false)
  }

  #logFull(): void {
    if (this.#isFullLogged) return
    this.#isFullLogged = true
    const { queued, queuedBytes } = this.stats()
    this.#options.logger.error(
      { sink: this.#sink.name, queued, queued_bytes: queuedBytes, when_full: this.#options.whenFull },
      'the audit queue is full',
    )
  }

  #wake(isUrgent: boolean): void {
    if (this.#running !== undefined && !this.#isIdle) return
    const isSoon = isUrgent || this.#size >= this.#batchSize
    if (this.#timer !== undefined && (!isSoon || this.#isSoon)) return
    clearTimeout(this.#timer)
    this.#isSoon = isSoon
    // Never at once: some sinks work in this thread, and the request goes first. The timer keeps the process alive, so that
    // one that just ends has written before
    this.#timer = setTimeout(() => this.#run(), isSoon ? 0 : this.#options.batchDelay)
  }

  get #batchSize(): number {
    return this.#sink.maxBatch ?? 100
  }

  #run(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#isIdle) this.#wakePause?.()
    const failed = (error: unknown) => this.#options.logger.error({ err: error }, 'the writer of audit events failed')
    this.#running ??= this.#drain()
      .catch(failed)
      .finally(() => {
        this.#running = undefined
        if (this.#size > 0 && !this.#isOver) this.#wake(this.#size >= this.#batchSize)
      })
  }

  async #drain(): Promise<void> {
    const { spill } = this.#options
    if (spill === undefined) {
      while (this.#size > 0 && !this.#isOver) {
        const batch = this.#take()
        while (!(await this.#try(batch))) {
          if (this.#isOver) return
          await this.#sleep(this.#pause)
        }
        this.#release(true)
      }
      return
    }
    await spill.open().catch((error: unknown) => this.#spillFailed(error))
    while ((this.#size > 0 || !spill.isEmpty) && !this.#isOver) {
      if (performance.now() < this.#retryAt) {
        // A closing process has all of it on disk, where the next one finds it
        if (this.#size === 0 && this.#isClosing) return
        if (this.#size === 0) await this.#idle()
        else await this.#spill(spill, this.#take())
      } else if (!spill.isEmpty) {
        await this.#replay(spill)
      } else {
        const batch = this.#take()
        if (await this.#try(batch)) this.#release(true)
        else await this.#spill(spill, batch)
      }
    }
  }

  /** Writes the oldest events of the disk: they go before those in memory. */
  async #replay(spill: SpillFolder): Promise<void> {
    const segment = await spill.oldest().catch((error: unknown) => this.#spillFailed(error))
    if (segment === undefined) {
      this.#retryAt = performance.now() + this.#pause
      return
    }
    if (segment.damaged > 0) {
      this.#options.logger.warn({ lines: segment.damaged }, 'lines of the audit spill directory could not be read')
    }
    for (let at = 0; at < segment.events.length; at += this.#batchSize) {
      const batch = segment.events.slice(at, at + this.#batchSize).map((event) => ({ number: 0, event, bytes: 0 }))
      if (!(await this.#try(batch))) return
    }
    await segment.done().catch((error: unknown) => {
      this.#spillFailed(error)
      this.#retryAt = performance.now() + longestPause
    })
  }

  async #spill(spill: SpillFolder, batch: readonly Entry[]): Promise<void> {
    const append = () =>
      spill.append(batch.map(({ event }) => event)).catch((error: unknown) => this.#spillFailed(error) ?? false)
    while (!(await append())) {
      // Nowhere to go: it waits in memory, and what does not fit there is lost
      await this.#sleep(Math.max(1, this.#retryAt - performance.now()))
      if (this.#isOver) return
      if (await this.#try(batch)) break
    }
    this.#release(true)
  }

  #spillFailed(error: unknown): undefined {
    this.#options.logger.error({ err: error }, 'audit events cannot be written to the spill directory')
  }

  /** Moves the next events out of the queue, in the order in which they came. */
  #take(): readonly Entry[] {
    if (this.#inFlight.length > 0) return this.#inFlight
    const batch: Entry[] = []
    while (batch.length < this.#batchSize) {
      const [routine, important] = [this.#routine.peek(), this.#important.peek()]
      const isRoutine = routine !== undefined && (important === undefined || routine.number < important.number)
      const entry = (isRoutine ? this.#routine : this.#important).shift()
      if (entry === undefined) break
      batch.push(entry)
    }
    this.#inFlight = batch
    return batch
  }

  #release(isKept: boolean): void {
    const batch = this.#inFlight
    this.#inFlight = []
    for (const { bytes, settle } of batch) {
      this.#bytes -= bytes
      settle?.(isKept)
    }
    const oldest = Math.min(
      this.#routine.peek()?.number ?? this.#numbers,
      this.#important.peek()?.number ?? this.#numbers,
    )
    this.#flushes = this.#flushes.filter(({ before, resolve }) => {
      if (oldest < before) return true
      resolve()
      return false
    })
    if (this.isFull) return
    this.#isFullLogged &&= this.#size > this.#options.maxEvents / 2
    for (const done of this.#waiting.splice(0)) done(true)
    const gap = this.#gap
    if (gap === undefined || this.#failure !== undefined || this.#isOver) return
    this.#gap = undefined
    this.add(this.#options.gapEvent(gap.lost, gap.from, gap.to))
  }

  /** @returns whether the batch is kept; after a failure it is to be tried again, later */
  async #try(batch: readonly Entry[]): Promise<boolean> {
    try {
      const events = batch.map(({ event }) => event)
      const { logger, writeTimeout } = this.#options
      await writeBatch(this.#sink, events, { logger, timeout: writeTimeout, counts: this.#counts })
    } catch (error) {
      this.#failed(error)
      return false
    }
    if (this.#failure !== undefined)
      this.#options.logger.info({ sink: this.#sink.name }, 'audit events are written again')
    this.#failure = undefined
    this.#pause = firstPause
    this.#retryAt = 0
    return true
  }

  #failed(error: unknown): void {
    if (this.#failure === undefined) {
      this.#options.logger.error({ sink: this.#sink.name, err: error }, 'audit events cannot be written; they wait')
    }
    this.#failure = error
    // Half of it by chance, so that replicas do not all come at once
    const pause = this.#pause * (0.5 + Math.random() / 2)
    this.#retryAt = performance.now() + pause
    this.#pause = Math.min(this.#pause * 2, longestPause)
  }

  /** Ends with what could not be written. */
  async #giveUp(): Promise<void> {
    const { spill, logger } = this.#options
    let lost = 0
    while (this.#size > 0) {
      const batch = this.#take()
      const isKept = (await spill?.append(batch.map(({ event }) => event)).catch(() => false)) ?? false
      if (!isKept) {
        lost += batch.length
        this.#counts.lost += batch.length
      }
      this.#release(isKept)
    }
    if (lost > 0)
      logger.error({ sink: this.#sink.name, lost }, 'audit events were lost: they could not be written in time')
  }

  /** Waits for the next try, or for events to be spilled. */
  async #idle(): Promise<void> {
    this.#isIdle = true
    await this.#sleep(this.#retryAt - performance.now())
    this.#isIdle = false
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#wakePause = undefined
        resolve()
      }
      const timer: ReturnType<typeof setTimeout> = setTimeout(wake, milliseconds)
      // A sink that is away must not keep a process alive
      if (typeof timer === 'object') timer.unref()
      this.#wakePause = wake
    })
  }
}

/** An estimate, to bound memory by: what has no length of its own is small. */
function bytesOf({ target, reason, arguments: given, result, argumentKeys, userAgent }: AuditEvent): number {
  let units = (target?.length ?? 0) + (reason?.length ?? 0) + (given?.length ?? 0) + (result?.length ?? 0)
  units += userAgent?.length ?? 0
  for (const key of argumentKeys ?? []) units += key.length
  return 800 + units * 2
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
