import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that systems give to clients and to servers that take any, so that none of them gets it meanwhile. */
const first = 20_000
const count = 12_000
const given = new Set()

/**
 * A port of 127.0.0.1 that nobody listens on, for programs that cannot pick one themselves.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = first + Math.floor(Math.random() * count)
    if (given.has(port)) continue
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch {
      continue
    }
    given.add(port)
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error(`100 ports between ${first} and ${first + count} are taken`)
}
