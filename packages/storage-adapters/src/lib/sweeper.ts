/** How often expired rows are deleted. */
export interface SweeperOptions {
  /** Milliseconds between two sweeps at the most, as long as somebody writes. */
  readonly interval: number
  /** Writes between two sweeps at the most. A sweep must be able to delete more rows than these can have added. */
  readonly writes: number
  /** The clock, in milliseconds. */
  readonly now: () => number
}

/** Calls `sweep` every so many writes and every so often, without a timer. Returns what each write has to call. */
export function createSweeper({ interval, writes, now }: SweeperOptions, sweep: () => void): () => void {
  let sweptAt = now()
  let written = 0
  return () => {
    written++
    const passed = now() - sweptAt
    if (written < writes && passed < interval && passed >= 0) return
    sweptAt = now()
    written = 0
    sweep()
  }
}
