import { readFile } from 'node:fs/promises'

/** Processes that one may have started, at most so many of which are looked at. */
const maxProcesses = 64

/**
 * Bytes that a process and those that it started have in memory (resident); `undefined` where nobody tells, as on anything but
 * Linux. Many servers are started by a launcher such as `npx`, which is small itself.
 */
export async function memoryOf(pid: number): Promise<number | undefined> {
  let total: number | undefined
  const pids = [pid]
  for (let index = 0; index < Math.min(pids.length, maxProcesses); index++) {
    const one = pids[index] as number
    const status = await read(`/proc/${one}/status`)
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    if (kilobytes !== undefined) total = (total ?? 0) + Number(kilobytes) * 1024
    const children = await read(`/proc/${one}/task/${one}/children`)
    pids.push(...(children.match(/\d+/g) ?? []).map(Number))
  }
  return total
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
