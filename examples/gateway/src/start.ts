import { createServer, type RequestListener } from 'node:http'
import { createExample, type Example } from './example.js'
import { exitOnError } from './exit-on-error.js'
import { listen } from './listen.js'
import { run } from './run.js'
import { readSettings } from './settings.js'

/**
 * Reads the settings, listens, makes the gateway, mounts it, says so, and stops on Ctrl-C. Whatever is wrong becomes
 * one message and exit code 1.
 *
 * @param mount makes a request listener out of the gateway, by means of the framework that an example is about
 */
export async function start(mount: (gateway: Example['gateway']) => RequestListener): Promise<void> {
  await exitOnError(async () => {
    const settings = readSettings(process.env)
    // Listening comes first: what clients see, and so the gateway's URL, may follow from the port that was free.
    const server = createServer()
    const example = createExample(settings, await listen(server, settings.port))
    server.on('request', mount(example.gateway))
    await run(example, server)
  })
}
