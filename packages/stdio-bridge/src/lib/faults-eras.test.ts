import type { JsonRpcMessage } from '@mcp-gateway/core'
import { afterEach, expect, test } from 'vitest'
import {
  events,
  fixture,
  isAlive,
  post,
  readAll,
  Session,
  tokenOf,
  until,
} from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from '../index.js'

const capabilities = { elicitation: { form: {} }, sampling: {} }
const program = { fails: false, steps: [{ questions: ['form', 'sampling'] }, { questions: ['form'] }] }
const outcomes = new Map<string, number>()
const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
const pids = new Set<number>()
/** The server cannot be had at the moment. */
const restarting = -31503
let bridge: StdioBridge
afterEach(() => bridge.close())

function create(face: 'legacy' | 'modern'): void {
  outcomes.clear()
  pids.clear()
  const logger = {
    debug: () => {},
    info: ({ pid }: Record<string, unknown>) => void pids.add(Number(pid)),
    warn: () => {},
    error: () => {},
  }
  const args = [fixture('dual-server.mjs'), face]
  const limits = { maxSessionsPerPrincipal: 64, maxStartsPerMinute: 10_000 }
  bridge = createStdioBridge({ command: process.execPath, args, logger, drainTimeout: 0, ...limits })
}

let steps = 0

/** Kills one of the processes at every sixtieth step that a client has taken. */
function step(): void {
  if (++steps % 60 > 0) return
  const alive = [...pids].filter(isAlive)
  const pid = alive[(steps / 60) % Math.max(1, alive.length)]
  if (pid !== undefined) process.kill(pid, 'SIGKILL')
}

const call = (id: number, more: object, meta: object) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'run', arguments: {}, _meta: { payload: 0, program, ...meta }, ...more },
})
const answers: Record<string, object> = {
  'elicitation/create': { action: 'accept', content: { name: 'Ada' } },
  'sampling/createMessage': { role: 'assistant', content: { type: 'text', text: 'x' }, model: 'm' },
}

/** How a call ended for its client: with an answer, or with the news that there will be none. */
async function tell({ result, error }: JsonRpcMessage): Promise<void> {
  const { code } = (error ?? {}) as { code?: number }
  expect(result !== undefined || code === -32603 || code === restarting).toBe(true)
  count(result === undefined ? 'told' : 'answered')
  if (code === restarting) await new Promise((resolve) => setTimeout(resolve, 50))
}

test('modern clients of legacy children that are killed at random are all told, and nothing is left', async () => {
  create('legacy')
  const key = (name: string) => `io.modelcontextprotocol/${name}`
  const meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: capabilities }
  const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'run' }
  const client = async (n: number) => {
    for (let round = 0; round < 12; round++) {
      for (let more = {}; ; ) {
        const context = { auth: tokenOf(`user ${n % 3}`) }
        const response = await post(bridge, call(round, more, meta), { headers, context })
        step()
        const last = (await readAll(response)).at(-1) as JsonRpcMessage
        const result = last.result as Record<string, unknown> | undefined
        if (result?.resultType !== 'input_required') {
          await tell(last)
          break
        }
        const asked = Object.entries(result.inputRequests as Record<string, JsonRpcMessage>)
        const inputResponses = Object.fromEntries(asked.map(([name, { method = '' }]) => [name, answers[method]]))
        more = { inputResponses, requestState: result.requestState }
      }
    }
  }
  await Promise.all(Array.from({ length: 9 }, (_, n) => client(n)))
  expect(Math.min(outcomes.get('answered') ?? 0, outcomes.get('told') ?? 0)).toBeGreaterThan(0)
  await until(() => bridge.stats().inFlight === 0, 'nothing is under way')
  await bridge.close()
  expect(bridge.stats()).toMatchObject({ children: 0, inFlight: 0, unmatchedResponses: 0 })
})

test('sessions in front of a modern child that is killed at random are all told, and nothing is left', async () => {
  create('modern')
  const client = async (n: number) => {
    const context = { auth: tokenOf(`user ${n % 3}`) }
    let session: Session | undefined
    for (let round = 0; round < 12; round++) {
      while (session === undefined) {
        session = await Session.open(bridge, { context, capabilities }).catch(() => undefined)
        // Told to come back later
        if (session === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const response = await session.post(call(round, {}, {}))
      step()
      const messages: JsonRpcMessage[] = []
      const isStream = response.headers.get('content-type') === 'text/event-stream'
      if (!isStream) messages.push(await response.json())
      for await (const { data } of isStream ? events(response) : []) {
        if (data === '') continue
        const message: JsonRpcMessage = JSON.parse(data)
        messages.push(message)
        if (message.method === undefined || message.id === undefined) continue
        await session.post({ jsonrpc: '2.0', id: message.id, result: answers[message.method] })
        step()
      }
      await tell(messages.at(-1) as JsonRpcMessage)
      if (response.status === 404) session = undefined
    }
    await session?.request('DELETE')
  }
  await Promise.all(Array.from({ length: 9 }, (_, n) => client(n)))
  expect(Math.min(outcomes.get('answered') ?? 0, outcomes.get('told') ?? 0)).toBeGreaterThan(0)
  await until(() => bridge.stats().inFlight === 0, 'nothing is under way')
  await bridge.close()
  expect(bridge.stats()).toMatchObject({ children: 0, sessions: 0, inFlight: 0, unmatchedResponses: 0 })
})
