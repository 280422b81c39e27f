import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/free-port.mjs'
import { findBinary } from './binary.js'
import { type Started, startProgram } from './server-process.js'

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Ends it as a crash does, without a chance to write anything down. */
  kill(): Promise<void>
  /** Starts it again on the same port with the same files. */
  restart(): Promise<void>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

/** Starts a real `redis-server` on loopback, in memory alone unless the parameters say otherwise. */
export async function startRedis(parameters: string[] = ['--appendonly', 'no']): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'redis-'))
  const start = (port: number) =>
    startProgram(
      findBinary('redis-server') ?? 'redis-server',
      ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...parameters],
      /Ready to accept connections/,
    )
  let running: Started | undefined
  let port = 0
  for (let attempt = 0; running === undefined; attempt++) {
    port = await freePort()
    running = await start(port).catch((error: unknown) => {
      if (attempt === 4) throw error
      return undefined
    })
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill: async () => running?.end('SIGKILL'),
    restart: async () => {
      running = await start(port)
    },
    stop: async () => {
      if (running?.child.exitCode === null && running.child.signalCode === null) await running.end('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
