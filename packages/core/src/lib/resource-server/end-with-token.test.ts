import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { EndingTokens, opened } from '../../../../../test/fixtures/ending-tokens.js'
import type { Handler } from '../contract/handler.js'
import { translateEras } from '../eras/http/translate-eras.js'
import { compose } from '../http/compose.js'
import { respond } from '../http/respond.js'
import { message } from '../message/message-middleware.js'
import { proxy } from '../proxy/proxy.js'
import { bearerAuth } from './bearer-auth.js'
import { endWithToken, type Recheck } from './end-with-token.js'

const resource = 'https://mcp.example.com/mcp'
const events = { 'Content-Type': 'text/event-stream' }
const encoder = new TextEncoder()

const readers: ReadableStreamDefaultReader<Uint8Array>[] = []
afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.cancel().catch(() => {})
  vi.useRealTimers()
})

/** A body that is open until somebody cancels it, and what is known of it. */
function source() {
  const state = { cancelled: 0, send: (_: string) => {}, fail: (_: Error) => {}, finish: () => {} }
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      state.send = (text) => controller.enqueue(encoder.encode(text))
      state.fail = (error) => controller.error(error)
      state.finish = () => controller.close()
    },
    cancel() {
      state.cancelled++
    },
  })
  return { state, body }
}

function limited(recheck: () => Promise<Recheck>, seconds = 3600, headers: Record<string, string> = events) {
  vi.useFakeTimers()
  const { state, body } = source()
  const ended: string[] = []
  const terms = {
    until: Date.now() + seconds * 1000,
    interval: 10,
    recheck,
    onEnd: (why: string) => void ended.push(why),
  }
  const response = endWithToken(new Response(body, { headers, status: 207, statusText: 'x' }), terms)
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  readers.push(reader)
  return { state, ended, response, reader, timers: () => vi.getTimerCount() }
}
const good = async (): Promise<Recheck> => ({ until: Date.now() + 3_600_000 })

describe('a stream', () => {
  test('closes cleanly at the expiry of its token, and its source is cancelled [finding 12]', async () => {
    const { state, ended, reader, response, timers } = limited(good, 3)
    expect([response.status, response.statusText, response.headers.get('content-type')]).toEqual([
      207,
      'x',
      'text/event-stream',
    ])
    state.send('data: 1\n\n')
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n')
    const next = reader.read()
    await vi.advanceTimersByTimeAsync(2000)
    expect(ended).toEqual([])
    await vi.advanceTimersByTimeAsync(2000)
    expect(await next).toEqual({ done: true, value: undefined })
    expect([ended, state.cancelled, timers()]).toEqual([['expired'], 1, 0])
  })

  test('goes on for as long as its token verifies, with a new end if there is one', async () => {
    const recheck = vi.fn(async (): Promise<Recheck> => ({ until: Date.now() + 20_000 }))
    const { ended } = limited(recheck, 15)
    await vi.advanceTimersByTimeAsync(300_000)
    expect(ended).toEqual([])
    expect(recheck.mock.calls.length).toBeGreaterThan(20)
    expect(recheck.mock.calls.length).toBeLessThan(40)
  })

  test('ends when its token does not verify any more [finding 12]', async () => {
    let found: Recheck | undefined
    const { ended, reader } = limited(async () => found ?? good())
    await vi.advanceTimersByTimeAsync(30_000)
    found = 'ended'
    await vi.advanceTimersByTimeAsync(12_000)
    expect(ended).toEqual(['revoked'])
    expect((await reader.read()).done).toBe(true)
  })

  test('ends when nobody can say three times in a row whether its token is good [finding 12]', async () => {
    let found: Recheck = 'undecided'
    const { ended } = limited(async () => (found === 'undecided' ? found : good()))
    await vi.advanceTimersByTimeAsync(20_000)
    found = { until: 0 }
    await vi.advanceTimersByTimeAsync(10_000)
    found = 'undecided'
    await vi.advanceTimersByTimeAsync(20_000)
    expect(ended).toEqual([])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(ended).toEqual(['undecided'])
  })

  test.each(['finish', 'fail', 'cancel'] as const)('leaves no timer behind: %s', async (how) => {
    const { state, reader, timers, ended } = limited(good)
    expect(timers()).toBe(1)
    if (how === 'finish') {
      state.finish()
      expect((await reader.read()).done).toBe(true)
    } else if (how === 'fail') {
      state.fail(new Error('broken'))
      await expect(reader.read()).rejects.toThrow('broken')
    } else {
      await reader.cancel()
      expect(state.cancelled).toBe(1)
    }
    expect([timers(), ended]).toEqual([0, []])
  })

  test('shares one timer with all others, and is read no faster than its client reads', async () => {
    vi.useFakeTimers()
    let pulled = 0
    const streams = Array.from({ length: 100 }, () => {
      const body = new ReadableStream<Uint8Array>(
        { pull: (c) => c.enqueue(new Uint8Array(++pulled)) },
        { highWaterMark: 0 },
      )
      const terms = { until: Date.now() + 60_000, interval: 10, recheck: good, onEnd: () => {} }
      return endWithToken(new Response(body, { headers: events }), terms)
    })
    await vi.advanceTimersByTimeAsync(5000)
    expect([pulled, vi.getTimerCount()]).toEqual([0, 1])
    await Promise.all(streams.map((response) => response.body?.cancel()))
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('which bodies end', () => {
  const terms = { until: 0, interval: 10, recheck: good, onEnd: () => {} }
  const bodyOf = () => source().body

  test.each<[string, () => Response, boolean]>([
    ['events', () => new Response(bodyOf(), { headers: { 'Content-Type': 'Text/Event-Stream; charset=utf-8' } }), true],
    ['lines of JSON', () => new Response(bodyOf(), { headers: { 'Content-Type': 'application/x-ndjson' } }), true],
    ['a sequence of JSON', () => new Response(bodyOf(), { headers: { 'Content-Type': 'application/json-seq' } }), true],
    ['a body without a type', () => new Response(bodyOf()), true],
    ['JSON', () => new Response(bodyOf(), { headers: { 'Content-Type': 'application/json' } }), false],
    [
      'JSON with a charset',
      () => new Response(bodyOf(), { headers: { 'Content-Type': 'application/json; charset=utf-8' } }),
      false,
    ],
    [
      'problem details',
      () => new Response(bodyOf(), { headers: { 'Content-Type': 'application/problem+json' } }),
      false,
    ],
    [
      'a known length',
      () => new Response(bodyOf(), { headers: { 'Content-Type': 'image/png', 'Content-Length': '5' } }),
      false,
    ],
    [
      'events that lie about a length',
      () => new Response(bodyOf(), { headers: { ...events, 'Content-Length': '5' } }),
      true,
    ],
    ['no body', () => new Response(null, { status: 202 }), false],
    ['bytes that are there', () => respond('hello', { headers: { 'Content-Type': 'text/plain' } }), false],
  ])('%s', async (_, make, ends) => {
    const response = make()
    const answered = endWithToken(response, terms)
    // A single answer is the same object: nothing was wrapped.
    expect(answered !== response).toBe(ends)
    await answered.body?.cancel()
  })
})

describe('bearerAuth', () => {
  async function ask(handler: Handler, tokens: EndingTokens, token: string, init: RequestInit = {}): Promise<Response> {
    const guard = bearerAuth({ verifier: tokens, resource, clockTolerance: 0, streamCheckInterval: 0.2 })
    const headers = { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token}` }
    return compose([guard, message()], handler)(new Request(resource, { ...init, headers }), {})
  }
  const streaming: Handler = () => {
    const { state, body } = source()
    state.send(': open\n\n')
    return new Response(body, { headers: events })
  }

  test('ends the stream of one token and not that of another [finding 12]', async () => {
    const tokens = new EndingTokens()
    const [one, other] = [tokens.issue('alice'), tokens.issue('alice')]
    const first = await opened(await ask(streaming, tokens, one))
    const second = await opened(await ask(streaming, tokens, other))
    tokens.revoke(one)
    await first.over
    expect(second.isOver()).toBe(false)
    tokens.revoke(other)
    await second.over
  })

  test('gives a JSON answer in full, however long it was waited for', async () => {
    const tokens = new EndingTokens()
    const token = tokens.issue('alice', 1)
    const slow: Handler = async () => {
      await new Promise((resolve) => setTimeout(resolve, 2500))
      return Response.json({ jsonrpc: '2.0', id: 1, result: {} })
    }
    expect(await (await ask(slow, tokens, token)).json()).toMatchObject({ result: {} })
    expect((await ask(slow, tokens, token)).status).toBe(401)
  })

  test('an interval that is not positive is refused at construction', () => {
    for (const streamCheckInterval of [0, -1, Number.NaN]) {
      expect(() => bearerAuth({ verifier: new EndingTokens(), resource, streamCheckInterval })).toThrow(
        'streamCheckInterval',
      )
    }
  })

  describe('in front of a proxy', () => {
    const version = '2026-07-28'
    const key = (name: string) => `io.modelcontextprotocol/${name}`
    const listen = {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': version,
        'Mcp-Method': 'subscriptions/listen',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 'l',
        method: 'subscriptions/listen',
        params: {
          notifications: { toolsListChanged: true },
          _meta: { [key('protocolVersion')]: version, [key('clientCapabilities')]: {} },
        },
      }),
    }
    const get = { headers: { Accept: 'text/event-stream' } }

    /** An upstream that answers with a stream which does not end, and counts those that were left. */
    async function upstream(listener?: RequestListener) {
      const state = { open: 0, closed: 0 }
      const server = createServer(
        listener ??
          ((_, response) => {
            state.open++
            response.on('close', () => state.closed++)
            response.writeHead(200, events).write(': hello\n\n')
          }),
      )
      await once(server.listen(0, '127.0.0.1'), 'listening')
      onTestFinished(() => {
        server.closeAllConnections()
        server.close()
      })
      return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` }
    }

    test.each<[string, RequestInit]>([
      ['the GET stream of the legacy era', get],
      ['a listener of the modern era', listen],
    ])(
      '%s ends, here and at the upstream [finding 12]',
      async (_, init) => {
        const { state, url } = await upstream()
        for (const how of ['expires', 'is revoked']) {
          const tokens = new EndingTokens()
          const token = tokens.issue('alice', how === 'expires' ? 1 : 3600)
          const { over } = await opened(await ask(proxy(url), tokens, token, init))
          if (how === 'is revoked') tokens.revoke(token)
          await over
        }
        await vi.waitFor(() => expect(state).toEqual({ open: 2, closed: 2 }))
      },
      20_000,
    )

    test('a listener whose upstream is of the other era ends [finding 12]', async () => {
      const { url } = await upstream((request, response) => {
        const parts: Buffer[] = []
        request.on('data', (part) => parts.push(part))
        request.on('end', () => {
          const { id, method } = JSON.parse(Buffer.concat(parts).toString() || '{}')
          if (request.method === 'GET') return response.writeHead(200, events).write(': hello\n\n')
          if (method === 'initialize') {
            const result = {
              protocolVersion: '2025-11-25',
              capabilities: { tools: { listChanged: true } },
              serverInfo: { name: 'old', version: '1' },
            }
            response.writeHead(200, { 'Content-Type': 'application/json', 'Mcp-Session-Id': 's' })
            return response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
          }
          if (id === undefined) return response.writeHead(202).end()
          const error = { code: -32601, message: 'Method not found' }
          response.writeHead(200, { 'Content-Type': 'application/json' })
          return response.end(JSON.stringify({ jsonrpc: '2.0', id, error }))
        })
      })
      const tokens = new EndingTokens()
      const token = tokens.issue('alice')
      const { over, isOver } = await opened(await ask(proxy(url, { eras: translateEras() }), tokens, token, listen))
      expect(isOver()).toBe(false)
      tokens.revoke(token)
      await over
    }, 20_000)
  })
})
