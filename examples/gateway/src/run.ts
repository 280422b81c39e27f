import type { Server } from 'node:http'
import { banner } from './banner.js'
import type { Example } from './example.js'
import { stopOnSignal } from './stop-on-signal.js'

/** Opens the storage, prints the banner, and stops everything on Ctrl-C. */
export async function run(example: Example, server?: Server): Promise<void> {
  const storage = await example.storage.open()
  stopOnSignal(async () => {
    const closed = server && new Promise((resolve) => server.close(resolve))
    await example.gateway.close()
    if (server) await letGo(server, closed)
    await example.storage.close()
  })
  console.log(banner(example, storage, process.stdout.isTTY))
}

// The last answers are on their way when the gateway has closed; a connection that stays open after them is cut.
async function letGo(server: Server, closed: Promise<unknown> | undefined): Promise<void> {
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const cut = setTimeout(() => server.closeAllConnections(), 1_000)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}
