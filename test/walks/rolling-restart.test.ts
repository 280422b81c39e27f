import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../scripts/free-port.mjs'
import { findProgram, startProgram as startServer, temporaryFolder } from '../proxies/process.js'
import { type Started, startProgram } from '../servers/server-process.js'

const nginx = findProgram('nginx')

/** Keeps connections to both replicas open, and goes by no health check: nginx has none. */
async function startNginx(ports: readonly number[]): Promise<number> {
  const folder = temporaryFolder('rolling')
  const front = await freePort()
  const servers = ports.map((port) => `server 127.0.0.1:${port} max_fails=0;`).join(' ')
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid nginx.pid; error_log stderr warn; events {}
http {
  access_log off; ${paths.join(' ')}
  upstream gateways { ${servers} keepalive 16; }
  server {
    listen 127.0.0.1:${front};
    location / {
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host 127.0.0.1:8787;
    }
  }
}
`,
  )
  const args = ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]
  const running = await startServer(nginx ?? 'nginx', args, { folder, port: front })
  onTestFinished(() => running.stop())
  return front
}

const script = fileURLToPath(new URL('./closing-replica.ts', import.meta.url))

async function startReplica(port: number): Promise<Started> {
  const flags = ['--import', 'tsx', '--conditions=@mcp-gateway/source']
  const started = await startProgram(process.execPath, [...flags, script, `${port}`, '1.5'], /Listening/)
  onTestFinished(() => void started.child.kill('SIGKILL'))
  return started
}

test.skipIf(nginx === undefined)(
  'two replicas behind nginx are restarted one after the other, and no request is refused',
  async () => {
    const ports = [await freePort(), await freePort()]
    const replicas = await Promise.all(ports.map(startReplica))
    const front = await startNginx(ports)
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())

    const call = (method: string): Promise<{ status: number; pid: number }> =>
      new Promise((resolve, reject) => {
        const options = {
          port: front,
          path: '/mcp',
          method: 'POST',
          agent,
          headers: { 'Content-Type': 'application/json' },
        }
        const sent = request({ host: '127.0.0.1', ...options }, (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => {
            const status = response.statusCode ?? 0
            resolve({ status, pid: status === 200 ? JSON.parse(text).result.pid : 0 })
          })
        })
        sent.on('error', reject)
        sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method }))
      })

    let isOver = false
    const outcomes = new Map<number, number>()
    const pids = new Set<number>()
    const client = async (method: string) => {
      while (!isOver) {
        const { status, pid } = await call(method)
        outcomes.set(status, (outcomes.get(status) ?? 0) + 1)
        pids.add(pid)
        await new Promise((resolve) => setTimeout(resolve, 3))
      }
    }
    const clients = ['quick', 'quick', 'quick', 'slow', 'slow', 'slow'].map(client)
    await expect.poll(() => pids.size, { timeout: 10_000 }).toBe(2)

    for (const [index, port] of ports.entries()) {
      const { child } = replicas[index] as Started
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      expect(await exit).toEqual([0, null])
      await startReplica(port)
      await expect.poll(() => pids.size, { timeout: 10_000 }).toBe(3 + index)
    }
    isOver = true
    await Promise.all(clients)
    expect([...outcomes.keys()]).toEqual([200])
    expect(outcomes.get(200)).toBeGreaterThan(100)
  },
)
