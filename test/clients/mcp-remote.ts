import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Outcome } from './person.js'
import { type Authorize, answer, type ConnectedClient } from './walk-client.js'

interface JsonRpc {
  id?: string | number
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { code: number; message: string }
}

/**
 * `mcp-remote` as a process of its own, with this module as the host that speaks stdio to it. It opens no browser; the
 * address it prints for a person is handed to `authorize`, and the callback that comes of it is requested as the
 * browser would.
 *
 * @param env more variables of its environment, such as `NODE_EXTRA_CA_CERTS`
 * @param flags more arguments, such as `--protocol auto`
 */
export async function connectMcpRemote(
  url: string,
  authorize: Authorize,
  env: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
): Promise<ConnectedClient & { log: () => string }> {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-remote-'))
  const manifest = createRequire(import.meta.url).resolve('mcp-remote/package.json')
  const child = spawn(process.execPath, [join(dirname(manifest), 'dist/proxy.js'), url, ...flags], {
    env: { PATH: process.env.PATH, HOME: folder, MCP_REMOTE_CONFIG_DIR: folder, BROWSER: '/bin/true', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const log: string[] = []
  const stop = async () => {
    child.stdin.end()
    await ended(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    let outcome: Outcome | undefined
    await waitForLine(child, log, async (line) => {
      const address = line.match(/https?:\/\/\S*\/authorize\?\S+/)?.[0]
      if (!outcome && address) {
        outcome = await authorize(new URL(address))
        const called = await fetch(outcome.callback)
        if (!called.ok) throw new Error(`mcp-remote answered its callback with ${called.status}`)
        await called.body?.cancel()
      }
      return line.includes('Proxy established successfully')
    })
    const host = speak(child)
    const { serverInfo } = await host.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: { form: {} } },
      clientInfo: { name: 'walk-mcp-remote', version: '1.0.0' },
    })
    host.send({ method: 'notifications/initialized' })
    return {
      exchanges: [],
      outcome,
      log: () => log.join('\n'),
      client: {
        serverName: (serverInfo as { name?: string } | undefined)?.name,
        questions: host.questions,
        listTools: async () => {
          const { tools } = (await host.request('tools/list', {})) as { tools: { name: string }[] }
          return tools.map(({ name }) => name)
        },
        callTool: async (name, args = {}, onProgress) => {
          const { content } = (await host.request('tools/call', { name, arguments: args }, onProgress)) as {
            content: { text?: string }[]
          }
          return content.map(({ text = '' }) => text).join('\n')
        },
        close: stop,
      },
    }
  } catch (error) {
    child.kill('SIGKILL')
    await stop()
    throw new Error(`${(error as Error).message}\n${log.join('\n')}`, { cause: error })
  }
}

/** JSON-RPC over the stdio of a process, with elicitations answered. */
function speak(child: ChildProcess) {
  const questions: string[] = []
  const waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>()
  const progress = new Map<number, (progress: number) => void>()
  let lastId = 0
  const send = (message: JsonRpc) => child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('mcp-remote ended before it answered'))
  })
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const message = JSON.parse(line) as JsonRpc
    if (message.method === 'elicitation/create') {
      questions.push(String(message.params?.message))
      send({ id: message.id, result: { action: 'accept', content: answer } })
    } else if (message.method === 'notifications/progress') {
      progress.get(Number(message.params?.progressToken))?.(Number(message.params?.progress))
    } else if (message.method === undefined) {
      const request = waiting.get(Number(message.id))
      if (message.error) request?.reject(new Error(message.error.message))
      else request?.resolve(message.result ?? {})
    }
  })
  return {
    questions,
    send,
    request(method: string, params: Record<string, unknown>, onProgress?: (progress: number) => void) {
      lastId += 1
      const id = lastId
      if (onProgress) progress.set(id, onProgress)
      return new Promise<Record<string, unknown>>((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        send({ id, method, params: onProgress ? { ...params, _meta: { progressToken: id } } : params })
      })
    },
  }
}

/** Reads what a process logs until `found` says that a line is the one. */
function waitForLine(child: ChildProcess, log: string[], found: (line: string) => Promise<boolean>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('mcp-remote did not connect in 45 seconds')), 45_000)
    child.once('exit', (code) => reject(new Error(`mcp-remote ended with ${code}`)))
    child.once('error', reject)
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      log.push(line)
      found(line).then((yes) => yes && resolve(clearTimeout(timer)), reject)
    })
  })
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
  return new Promise((resolve) => child.once('exit', () => resolve(clearTimeout(timer))))
}
