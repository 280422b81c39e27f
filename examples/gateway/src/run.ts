import type { Server } from 'node:http'
import { banner } from './banner.js'
import type { Example } from './example.js'
import { stopOnSignal } from './stop-on-signal.js'
import { stopWithNpm } from './stop-with-npm.js'

/** Opens the storage, prints the banner, and stops everything on Ctrl-C and with the npm that started it. */
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
  stopWithNpm()
  console.log(banner(example, storage, process.stdout.isTTY))
  for (const { name, warmUp } of example.servers) {
    // What it has to fetch is there then when the first client comes
    warmUp?.().catch((error: unknown) => {
      console.error(`${name} did not answer: ${error instanceof Error ? error.message : error}`)
    })
  }
}
