import type { Server } from 'node:http'
import type { Logger } from '@mcp-gateway/core'
import { createLogger } from '@mcp-gateway/core/logging'
import { closeOnSignal } from '@mcp-gateway/core/node'
import { banner } from './banner.js'
import type { Example } from './example.js'
import { stopOnSignal } from './stop-on-signal.js'
import { stopWithNpm } from './stop-with-npm.js'

/** Opens the storage, prints the banner, and stops everything on Ctrl-C and with the npm that started it. */
export async function run(example: Example, server?: Server): Promise<void> {
  const storage = await example.storage.open()
  const history = await example.history?.open()
  if (server === undefined) {
    // The host listens, and ends the process in its own way.
    stopOnSignal(async () => {
      await example.gateway.close()
      await close(example)
    })
  } else {
    closeOnSignal(server, example.gateway, {
      // Nobody spreads load over several of these. Where somebody does, leave it out.
      readinessDelay: 0,
      signals: ['SIGINT', 'SIGTERM', 'SIGHUP'],
      onClosed: () => close(example),
      logger: terminal,
    })
  }
  stopWithNpm()
  console.log(banner(example, { storage, history }, process.stdout.isTTY))
  for (const { name, warmUp } of example.servers) {
    // What it has to fetch is there then when the first client comes
    warmUp?.().catch((error: unknown) => {
      console.error(`${name} did not answer: ${error instanceof Error ? error.message : error}`)
    })
  }
}

async function close({ storage, history }: Example): Promise<void> {
  await storage.close()
  await history?.end()
}

/** For a person; a service keeps the JSON lines that are the default. */
const terminal: Logger = {
  ...createLogger({ level: 'warn' }),
  info: (_fields, message) => {
    if (message === 'stopping') console.log('\nStopping. Ctrl-C again to stop at once.')
  },
}
