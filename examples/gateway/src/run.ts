import type { Server } from 'node:http'
import { banner } from './banner.js'
import type { Example } from './example.js'
import { stopOnSignal } from './stop-on-signal.js'

/** Opens the storage, prints the banner, and stops everything on Ctrl-C. */
export async function run(example: Example, server?: Server): Promise<void> {
  const storage = await example.storage.open()
  stopOnSignal(async () => {
    server?.close()
    await example.gateway.close()
    server?.closeAllConnections()
    await example.storage.close()
  })
  console.log(banner(example, storage, process.stdout.isTTY))
}
