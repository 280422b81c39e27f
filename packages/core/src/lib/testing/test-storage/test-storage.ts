import type { Storage } from '../../contract/storage.js'
import { expiryCases } from './expiry-cases.js'
import { fidelityCases } from './fidelity-cases.js'
import { interruptionCases } from './interruption-case.js'
import { listCases } from './list-cases.js'
import { processCases } from './process-cases.js'
import { raceCases } from './race-cases.js'
import type { StorageProcess } from './storage-process.js'
import type { StorageCases, StorageSubject } from './subject.js'
import { verbCases } from './verb-cases.js'

/** Settings of {@link testStorage}. */
export interface TestStorageOptions {
  /**
   * Opens a handle on the store under test, twice in every case: on two connections where the adapter has connections.
   * Each is closed by its `close`. The store itself may stay from case to case; no case looks at what it did not write.
   */
  open(): Storage | Promise<Storage>
  /**
   * Puts the clock of the adapter forward by so many seconds. Without it the cases wait, less than a second in all:
   * right for a store that has a clock of its own.
   */
  advance?(seconds: number): void
  /** Starts a process that calls `serveStorage` on the same store: required where processes share it. */
  fork?(): StorageProcess
  /** Breaks the connections, on the side of the store: required where the adapter has connections. */
  interrupt?(): void | Promise<void>
  /**
   * Callers in a race.
   *
   * @default 50
   */
  callers?: number
}

/** One thing that a storage must do. */
export interface StorageCase {
  /** The behaviour, to be the title of a test. */
  readonly name: string
  /** Rejects when the storage does something else. */
  run(): Promise<void>
}

/**
 * The suite that every storage adapter passes: verbs, versions, expiry, lists, races, keys and values of every kind.
 * It is no proof: a race that two callers win once in a million needs more runs. It knows no test runner; each case is
 * a name and a function. One of them needs `fast-check` to be installed.
 *
 * @returns the cases, which may run in any order, and at the same time where there is no `interrupt`
 * @example
 * const storage = memoryStorage()
 * describe('memoryStorage', () => {
 *   for (const { name, run } of testStorage({ open: () => storage })) test(name, run)
 * })
 */
export function testStorage({ open, advance, fork, interrupt, callers = 50 }: TestStorageOptions): StorageCase[] {
  const suite = crypto.randomUUID().slice(0, 8)
  const cases: StorageCases = {
    ...verbCases,
    ...expiryCases,
    ...listCases,
    ...fidelityCases,
    ...raceCases,
    ...(fork ? processCases(fork) : {}),
    ...(interrupt ? interruptionCases(interrupt) : {}),
  }
  const wait = async (seconds: number) => {
    if (advance) advance(seconds)
    else await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  }
  return Object.entries(cases).map(([name, run], index) => ({
    name,
    async run() {
      const storage = await open()
      const other = await open()
      const subject: StorageSubject = {
        storage,
        other,
        name: (text) => `test:${suite}:${index}:${text}`,
        wait,
        callers,
      }
      try {
        await run(subject)
      } finally {
        await storage.close()
        await other.close()
      }
    },
  }))
}
