import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Context, Handler } from '../../contract/handler.js'
import { translateEras } from './translate-eras.js'

afterEach(() => void vi.useRealTimers())

const json = (body: object) => Response.json(body)
const url = 'http://127.0.0.1/mcp'

/** A modern server that asks `count` things in each call, and takes no notification. */
function asking(count: number): { readonly upstream: Handler; readonly taken: () => number } {
  let taken = 0
  const upstream: Handler = async (request, context: Context) => {
    const { id, method, params } = JSON.parse(
      context.message === undefined ? await request.text() : new TextDecoder().decode(context.message.bytes),
    )
    if (method === 'initialize') return json({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } })
    if (method === 'server/discover') {
      return json({ jsonrpc: '2.0', id, result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } })
    }
    if (id === undefined) {
      taken++
      return new Promise(() => undefined)
    }
    if (method !== 'tools/call' || params.inputResponses !== undefined) {
      return json({ jsonrpc: '2.0', id, result: { resultType: 'complete', content: [], tools: [] } })
    }
    const question = { method: 'elicitation/create', params: { message: '?', requestedSchema: { type: 'object' } } }
    const inputRequests = Object.fromEntries(Array.from({ length: count }, (_, n) => [`q${n}`, question]))
    return json({ jsonrpc: '2.0', id, result: { resultType: 'input_required', inputRequests, requestState: 's' } })
  }
  return { upstream, taken: () => taken }
}

async function open(upstream: Handler) {
  const handler = translateEras()(upstream)
  const send = async (message: object, headers: Record<string, string> = {}) =>
    handler(
      new Request(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      }),
      {},
    )
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: {} },
    clientInfo: { name: 't', version: '1' },
  }
  const opened = await send({ id: 0, method: 'initialize', params })
  const session = opened.headers.get('mcp-session-id') ?? ''
  expect(session).toMatch(/^era-/)
  return (message: object) => send(message, { 'Mcp-Session-Id': session })
}

describe('a session of a legacy client in front of a modern server', () => {
  test('is refused when its notifications are not taken [finding 11]', async () => {
    const { upstream, taken } = asking(0)
    const send = await open(upstream)
    const statuses: number[] = []
    for (let n = 0; n < 20; n++) {
      statuses.push((await send({ method: 'notifications/own', params: { pad: 'x'.repeat(1_000_000) } })).status)
    }
    expect(statuses.filter((status) => status === 202)).toHaveLength(9)
    expect(statuses.at(-1)).toBe(503)
    expect(taken()).toBe(9)
  })

  test('ends a call whose questions nobody answers [finding 11]', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    const send = await open(asking(1).upstream)
    const answer = send({ id: 1, method: 'tools/call', params: { name: 'x', arguments: {} } })
    const reading = (await answer).text()
    await vi.advanceTimersByTimeAsync(302_000)
    const text = await reading
    expect(text).toContain('elicitation/create')
    expect(text).toContain('notifications/cancelled')
    expect(text).toContain('The client did not answer in time')
  })

  test('has no more questions open than it may [finding 11]', async () => {
    const send = await open(asking(32).upstream)
    const call = (id: number) => send({ id, method: 'tools/call', params: { name: 'x', arguments: {} } })
    const waiting = [await call(1), await call(2)]
    const text = await (await call(3)).text()
    expect(text).toContain('64 requests wait for this client already')
    expect(text).not.toContain('elicitation/create')
    for (const { body } of waiting) await body?.cancel()
  })
})
