import type { Server } from 'node:http'

/** Ends the process on SIGTERM and SIGINT: takes no new request, answers those under way, and closes what `close` does. */
export function stopOnSignal(server: Server, close: () => Promise<void> = async () => {}): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, async () => {
      server.close(() => process.exit(0))
      await close()
      server.closeIdleConnections()
      setTimeout(() => process.exit(0), 1000)
    })
  }
}
