import type { JsonRpcMessage } from '@mcp-gateway/core'
import { afterEach, expect, test } from 'vitest'
import { events, fixture, post, readAll, Session, tokenOf, until } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from '../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const capabilities = { elicitation: { form: {} }, sampling: {}, roots: {} }
const program = {
  fails: false,
  steps: [{ progress: 1, logs: ['error'], questions: ['form', 'sampling'] }, { questions: ['roots'] }],
}
let bridge: StdioBridge
afterEach(() => bridge.close())

function create(face: 'legacy' | 'modern'): void {
  const args = [fixture('dual-server.mjs'), face]
  const limits = { maxSessionsPerPrincipal: 64, maxStartsPerMinute: 10_000, maxParkedCallsPerPrincipal: 64 }
  bridge = createStdioBridge({ command: process.execPath, args, logger: quiet, drainTimeout: 0, ...limits })
}

/** A call with the same id and token as everybody's, and a mark of its own. */
const call = (mark: string, more: object = {}, meta: object = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'run', arguments: { mark }, _meta: { progressToken: 1, payload: mark, program, ...meta }, ...more },
})

/** What the one with this mark says to a question. */
function answerTo(method: string | undefined, mark: string): object {
  if (method === 'roots/list') return { roots: [{ uri: `file:///${mark}` }] }
  if (method === 'elicitation/create') return { action: 'accept', content: { name: mark } }
  return { role: 'assistant', content: { type: 'text', text: mark }, model: 'm' }
}

/** Runs so many at once, in turn for two users, and checks that each sees its own mark and no other. */
async function crowd(size: number, alive: number, walk: (mark: string, user: string) => Promise<JsonRpcMessage[]>) {
  let next = 0
  const worker = async () => {
    for (let n = next++; n < size; n = next++) {
      const user = n % 2 === 0 ? 'alice' : 'mallory'
      const mark = `${user}-${n}-`
      const messages = await walk(mark, user)
      const text = JSON.stringify(messages)
      // The payload, and an answer to each question
      expect(text.match(new RegExp(mark, 'g'))).toHaveLength(4)
      expect(text.match(/(alice|mallory)-\d+-/g)).toHaveLength(4)
      expect(messages.filter(({ method }) => method === 'notifications/progress')).toHaveLength(1)
    }
  }
  await Promise.all(Array.from({ length: alive }, worker))
}

test('[L9, L10] modern clients of two users, twelve alive at once in front of legacy children, see nothing of each other', async () => {
  create('legacy')
  const key = (name: string) => `io.modelcontextprotocol/${name}`
  const meta = {
    [key('protocolVersion')]: '2026-07-28',
    [key('clientCapabilities')]: capabilities,
    [key('logLevel')]: 'debug',
  }
  const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'run' }
  await crowd(150, 12, async (mark, user) => {
    const context = { auth: tokenOf(user) }
    const heard: JsonRpcMessage[] = []
    for (let more = {}; ; ) {
      const messages = await readAll(await post(bridge, call(mark, more, meta), { headers, context }))
      const { result } = messages.at(-1) as { result?: Record<string, unknown> }
      if (result?.resultType !== 'input_required') return [...heard, ...messages]
      heard.push(...messages.slice(0, -1))
      const asked = Object.entries(result.inputRequests as Record<string, JsonRpcMessage>)
      const inputResponses = Object.fromEntries(asked.map(([name, { method }]) => [name, answerTo(method, mark)]))
      more = { inputResponses, requestState: result.requestState }
    }
  })
  await until(() => bridge.stats().inFlight === 0, 'nothing is under way')
  expect(bridge.stats()).toMatchObject({ unmatchedResponses: 0, crashed: 0 })
}, 120_000)

test('[L9, L10] sessions of two users, thirty alive at once in front of one modern child, see nothing of each other', async () => {
  create('modern')
  await crowd(150, 30, async (mark, user) => {
    const session = await Session.open(bridge, { context: { auth: tokenOf(user) }, capabilities })
    const uri = `own://${mark}`
    await session.answer({ jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri } })
    const heard: JsonRpcMessage[] = []
    for await (const { data } of events(await session.post(call(mark)))) {
      if (data === '') continue
      const message: JsonRpcMessage = JSON.parse(data)
      heard.push(message)
      if (message.method === undefined || message.id === undefined) continue
      await session.post({ jsonrpc: '2.0', id: message.id, result: answerTo(message.method, mark) })
    }
    await session.request('DELETE')
    return heard
  })
  await until(() => bridge.stats().inFlight === 0, 'nothing is under way')
  expect(bridge.stats()).toMatchObject({ sessions: 0, unmatchedResponses: 0, crashed: 0 })
}, 120_000)
