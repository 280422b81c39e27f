const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Stops on Ctrl-C, on SIGTERM and when the terminal is closed, where a host such as Next listens by itself, then lets it end the
 * process where it has handlers of its own for that. Who has the server uses `closeOnSignal` of `@mcp-gateway/core/node`. A second Ctrl-C does not wait.
 *
 * @param stop finishes what is under way and leaves nothing running
 */
export function stopOnSignal(stop: () => Promise<void>): void {
  let asked = 0
  for (const signal of signals) {
    const host = process.rawListeners(signal)
    process.removeAllListeners(signal)
    process.on(signal, () => {
      // One Ctrl-C arrives twice where npm passes on what the terminal has delivered already.
      if (asked && Date.now() - asked < 300) return
      if (asked) process.exit(130)
      asked = Date.now()
      console.log('\nStopping. Ctrl-C again to stop at once.')
      stop().then(
        () => {
          if (host.length === 0) process.exit(0)
          for (const listener of host) listener.call(process, signal)
        },
        (error: unknown) => {
          console.error(error)
          process.exit(1)
        },
      )
    })
  }
}
