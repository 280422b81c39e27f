/**
 * Stops on Ctrl-C, on SIGTERM and when the terminal is closed. A second Ctrl-C does not wait.
 *
 * @param stop finishes what is under way and leaves nothing running
 */
export function stopOnSignal(stop: () => Promise<void>): void {
  let asked = 0
  const onSignal = () => {
    // One Ctrl-C arrives twice where npm passes on what the terminal has sent already.
    if (asked && Date.now() - asked < 300) return
    if (asked) process.exit(130)
    asked = Date.now()
    console.log('\nStopping. Ctrl-C again to stop at once.')
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
}
