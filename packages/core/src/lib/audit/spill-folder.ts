import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { AuditEvent } from './audit-event.js'

/** A segment of the folder, as it was read. */
export interface SpilledSegment {
  readonly events: readonly AuditEvent[]
  /** Lines that could not be read. */
  readonly damaged: number
  /** Removes the segment, whose events are kept elsewhere now. */
  done(): Promise<void>
}

/** From here on a new segment is begun. */
const segmentBytes = 1_048_576
const namePattern = /^audit-[\da-z]{9,12}-\d{6}\.jsonl$/

/**
 * Keeps events in files while their sink does not: segments of JSON lines, which are on disk when `append` resolves. Segments of
 * a process that ended are found by the next one with the same folder. A line that was written half is left out.
 *
 * Two processes with one folder would read each other's events, which sinks with ids survive and files do not: each process
 * has its own.
 */
export class SpillFolder {
  readonly #folder: string
  readonly #maxBytes: number
  readonly #segments: { readonly name: string; bytes: number }[] = []
  #isOpen = false
  #bytes = 0
  #count = 0
  /** The segment that is appended to: the last. */
  #current: string | undefined

  constructor(folder: string, maxBytes: number) {
    this.#folder = folder
    this.#maxBytes = maxBytes
    if (typeof process === 'undefined' || process.getBuiltinModule?.('node:fs/promises') === undefined) {
      throw invalidConfiguration('spillDirectory needs a file system, which this host has not; use whenFull: "drop"')
    }
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Finds what earlier processes left. */
  async open(): Promise<void> {
    if (this.#isOpen) return
    const { mkdir, readdir, stat } = files()
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const names = (await readdir(this.#folder)).filter((name) => namePattern.test(name)).sort()
    for (const name of names) {
      const { size } = await stat(this.#path(name))
      this.#segments.push({ name, bytes: size })
      this.#bytes += size
    }
    this.#isOpen = true
  }

  /** @returns whether there was room; rejects where the disk fails */
  async append(events: readonly AuditEvent[]): Promise<boolean> {
    await this.open()
    const text = events.map((event) => `${JSON.stringify(event)}\n`).join('')
    const bytes = new TextEncoder().encode(text)
    if (this.#bytes + bytes.length > this.#maxBytes) return false
    let segment = this.#segments.at(-1)
    if (segment === undefined || segment.name !== this.#current || segment.bytes >= segmentBytes) {
      this.#count = (this.#count + 1) % 1_000_000
      const name = `audit-${Date.now().toString(36).padStart(9, '0')}-${String(this.#count).padStart(6, '0')}.jsonl`
      segment = { name, bytes: 0 }
      this.#segments.push(segment)
      this.#current = name
    }
    const file = await files().open(this.#path(segment.name), 'a', 0o600)
    try {
      await file.write(bytes)
      await file.datasync()
    } catch (error) {
      // It may end in half a line: what comes next goes into another
      this.#current = undefined
      throw error
    } finally {
      await file.close()
    }
    segment.bytes += bytes.length
    this.#bytes += bytes.length
    return true
  }

  /** The oldest segment. */
  async oldest(): Promise<SpilledSegment | undefined> {
    await this.open()
    const [segment] = this.#segments
    if (segment === undefined) return undefined
    if (segment.name === this.#current) this.#current = undefined
    const text = await files().readFile(this.#path(segment.name), 'utf8').catch(unlessGone)
    const events: AuditEvent[] = []
    let damaged = 0
    for (const line of text.split('\n')) {
      if (line === '') continue
      const event = parseLine(line)
      if (event === undefined) damaged++
      else events.push(event)
    }
    return {
      events,
      damaged,
      done: async () => {
        await files().rm(this.#path(segment.name), { force: true })
        this.#segments.shift()
        this.#bytes -= segment.bytes
      },
    }
  }

  #path(name: string): string {
    return `${this.#folder}/${name}`
  }
}

/** A file that somebody has removed holds nothing. */
function unlessGone(error: unknown): string {
  if ((error as { code?: unknown }).code === 'ENOENT') return ''
  throw error
}

function files(): typeof import('node:fs/promises') {
  return process.getBuiltinModule('node:fs/promises')
}

function parseLine(line: string): AuditEvent | undefined {
  try {
    const event = JSON.parse(line) as AuditEvent
    return event.v === 1 && typeof event.id === 'string' && typeof event.ts === 'number' ? event : undefined
  } catch {
    return undefined
  }
}
