import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/free-port.mjs'
import { findBinary } from './binary.js'
import { type Started, startProgram } from './server-process.js'

export interface PostgresServer {
  readonly port: number
  /** A connection string for the database `postgres`, as its superuser. */
  readonly url: string
  /** Ends it as a crash does: the next start recovers from the log. */
  kill(): Promise<void>
  /** Starts it again on the same port with the same files. */
  restart(): Promise<void>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

/** Starts a real PostgreSQL on loopback with an empty database. PostgreSQL refuses to run as root, so that root lends it to another user. */
export async function startPostgres(parameters: string[] = ['-c', 'fsync=off']): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'))
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid)
  chmodSync(folder, 0o700)
  const data = join(folder, 'data')
  execFileSync(
    findBinary('initdb') ?? 'initdb',
    ['-D', data, '-U', 'app', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...user, cwd: folder, stdio: 'pipe' },
  )
  const start = (port: number) =>
    startProgram(
      findBinary('postgres') ?? 'postgres',
      [
        '-D',
        data,
        '-p',
        `${port}`,
        '-c',
        'listen_addresses=127.0.0.1',
        '-c',
        'unix_socket_directories=',
        ...parameters,
      ],
      /database system is ready to accept connections/,
      user,
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
    url: `postgres://app@127.0.0.1:${port}/postgres`,
    // SIGQUIT is PostgreSQL's own immediate stop: nothing is written down, no client is waited for.
    kill: async () => running?.end('SIGQUIT'),
    restart: async () => {
      running = await start(port)
    },
    stop: async () => {
      if (running?.child.exitCode === null && running.child.signalCode === null) await running.end('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
}
