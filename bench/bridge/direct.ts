import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The child without any bridge: a call is a line in and a line out. */
export function direct(): { call: () => Promise<void>; stop: () => void } {
  const child = spawn('node', [fileURLToPath(new URL('../../test/fixtures/fast-server.mjs', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const waiting = new Map<number, () => void>()
  let last = 0
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id } = JSON.parse(line)
    waiting.get(id)?.()
    waiting.delete(id)
  })
  const call = () =>
    new Promise<void>((resolve) => {
      const id = ++last
      waiting.set(id, resolve)
      const params = { name: 'echo', arguments: { mark: 'x' } }
      child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })}\n`)
    })
  return { call, stop: () => child.stdin.end() }
}
