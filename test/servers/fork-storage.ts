import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Starts another process that serves a storage on the same records; `place` is a URL or the path of a file. */
export function forkStorage(kind: 'redis' | 'postgres' | 'sqlite', place: string): ChildProcess {
  return fork(fileURLToPath(new URL('./storage-child.ts', import.meta.url)), [kind, place], {
    execArgv: ['--import', 'tsx', '--conditions=@mcp-gateway/source'],
  })
}
