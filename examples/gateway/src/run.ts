import type { Server } from 'node:http'
import { banner } from './banner.js'
import type { Example } from './example.js'
import { stopOnSignal } from './stop-on-signal.js'

/** Opens the storage, prints the banner, and stops everything on Ctrl-C. */
export async function run(example: Example, server?: Server): Promise<void> {
  const storage = await example.storage.open()
  stopOnSignal(async () => {
    const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
    await example.gateway.close()
    // The last answers are on their way now; a connection that stays open after them is cut.
    const idle = setInterval(() => server?.closeIdleConnections(), 50)
    const cut = setTimeout(() => server?.closeAllConnections(), 1_000)
    await closed
    clearInterval(idle)
    clearTimeout(cut)
    await example.storage.close()
  })
  console.log(banner(example, storage, process.stdout.isTTY))
}
