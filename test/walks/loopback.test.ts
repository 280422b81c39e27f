import { connect } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

beforeAll(async () => {
  for (const name of ['express', 'hono', 'next'] as const) await buildExample(name)
}, 300_000)

/** Whether something accepts connections there. */
function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 })
    const answer = (accepted: boolean) => {
      socket.destroy()
      resolve(accepted)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
    socket.once('timeout', () => answer(false))
  })
}

test.each(['express', 'hono', 'next'] as const)(
  'examples/%s is reachable at 127.0.0.1 alone, and with a token alone [M3]',
  async (name) => {
    const example = await startExample(name)
    const port = Number(new URL(example.url).port)
    expect(await accepts('127.0.0.1', port)).toBe(true)
    // A server that listens on every address of the machine takes these too.
    expect(await accepts('127.0.0.2', port)).toBe(false)
    expect(await accepts('::1', port)).toBe(false)
    const response = await fetch(`${example.url}/everything/mcp`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(401)
  },
)
