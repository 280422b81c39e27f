import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const address = /http:\/\/127\.0\.0\.1:\d+\/\S*mcp\b/

/** Starts the runnable gateway from its sources on a free port, with these settings, and keeps its files in a folder. */
export function withGateway(settings, folder, work) {
  return withServer(
    ['examples/express/src/server.ts'],
    { PORT: '0', INIT_CWD: folder, NO_COLOR: '1', ...settings },
    work,
  )
}

/**
 * Starts a program of the repository, hands the address that it prints to the work, and stops it with SIGTERM.
 *
 * @param {string[]} program its file and its arguments
 * @param {Record<string, string>} env what is added to the environment
 * @param {(url: string) => Promise<void>} work
 */
export async function withServer(program, env, work) {
  const server = spawn(process.execPath, ['--conditions=@mcp-gateway/source', '--import', 'tsx', ...program], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = () => server.kill('SIGKILL')
  process.once('exit', kill)
  const ended = once(server, 'exit')
  try {
    const url = await Promise.race([printed(server, address), ended])
    if (typeof url !== 'string') throw new Error(`${program[0]} did not start`)
    await work(url)
    server.kill('SIGTERM')
    const late = setTimeout(kill, 30_000)
    const [code] = await ended
    clearTimeout(late)
    if (code !== 0) throw new Error(`${program[0]} did not stop as it should`)
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
