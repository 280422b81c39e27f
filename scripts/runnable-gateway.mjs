import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/**
 * Starts the runnable gateway from its sources on a free port, hands its address to the work, and stops it.
 *
 * @param {Record<string, string>} settings its environment
 * @param {string} folder where it keeps its files
 * @param {(url: string) => Promise<void>} work
 */
export async function withGateway(settings, folder, work) {
  const flags = ['--conditions=@mcp-gateway/source', '--import', 'tsx']
  const gateway = spawn(process.execPath, [...flags, 'examples/express/src/server.ts'], {
    cwd: root,
    env: { ...process.env, PORT: '0', INIT_CWD: folder, NO_COLOR: '1', ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = () => gateway.kill('SIGKILL')
  process.once('exit', kill)
  const ended = once(gateway, 'exit')
  try {
    const url = await Promise.race([printed(gateway, /http:\/\/127\.0\.0\.1:\d+\/\S*mcp\b/), ended])
    if (typeof url !== 'string') throw new Error('The gateway did not start')
    await work(url)
    gateway.kill('SIGTERM')
    const late = setTimeout(kill, 30_000)
    const [code] = await ended
    clearTimeout(late)
    if (code !== 0) throw new Error('The gateway did not stop by itself')
  } finally {
    kill()
    process.off('exit', kill)
  }
}

/** The first match of a pattern in what a child prints. */
export function printed(child, pattern) {
  return new Promise((resolve) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
      const match = text.match(pattern)
      if (match) resolve(match[0])
    })
  })
}
