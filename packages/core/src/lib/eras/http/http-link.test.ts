import { expect, test } from 'vitest'
import type { Handler } from '../../contract/handler.js'
import type { EraAnswer, EraLinkListener } from '../era-server.js'
import { HttpLink } from './http-link.js'

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes))

function setUp(
  era: 'legacy' | 'modern',
  answer: (request: Request, body: { id?: number; method?: string }) => Response | Promise<Response>,
) {
  const requests: Request[] = []
  const upstream: Handler = (request, { message }) => {
    requests.push(request)
    return answer(request, message === undefined ? {} : (message.json() as { id?: number; method?: string }))
  }
  const link = new HttpLink({ upstream, url: 'http://127.0.0.1/mcp', context: {}, era })
  const ask = (method: string, params: object = {}) => {
    const related: string[] = []
    let cancel: (reason: string) => void = () => {}
    const answered = new Promise<EraAnswer>((resolve) => {
      const call = {
        principal: '',
        related: ({ method }: { method: string }) => void related.push(method),
        answered: resolve,
      }
      cancel = link.request({ method, params: encode(params) }, call)
    })
    return { related, answered, cancel }
  }
  return { link, requests, ask }
}

const result = (id: unknown, value: object = {}) => Response.json({ jsonrpc: '2.0', id, result: value })

test.each([
  ['tools/call', { name: 'plain' }, 'plain'],
  ['tools/call', { name: 'grün' }, '=?base64?Z3LDvG4=?='],
  ['prompts/get', { name: ' led' }, '=?base64?IGxlZA==?='],
  ['prompts/get', { name: '=?base64?eA==?=' }, '=?base64?PT9iYXNlNjQ/ZUE9PT89?='],
  ['resources/read', { uri: 'a://b' }, 'a://b'],
  ['tools/list', {}, null],
])('[M8, M9] %s of %o has its mirrored headers', async (method, params, name) => {
  const { ask, requests } = setUp('modern', (_request, { id }) => result(id))
  await ask(method, params).answered
  const { headers } = requests[0] as Request
  expect([headers.get('mcp-protocol-version'), headers.get('mcp-method')]).toEqual(['2026-07-28', method])
  expect(headers.get('mcp-name')).toBe(name)
})

test('reads events up to the answer, and what belongs to the request', async () => {
  const { ask } = setUp('modern', (_request, { id }) => {
    const events = [
      { jsonrpc: '2.0', method: 'notifications/progress', params: {} },
      { jsonrpc: '2.0', id: 99, result: { wrong: true } },
      { jsonrpc: '2.0', id, result: { right: true } },
    ]
    const body = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  })
  const { answered, related } = ask('tools/list')
  const answer = await answered
  expect('result' in answer && decode(answer.result)).toEqual({ right: true })
  expect(related).toEqual(['notifications/progress'])
})

test.each([
  ['a refusal', () => new Response('<html>', { status: 404 }), -32600],
  ['a page', () => new Response('<html>', { status: 502 }), -31502],
  ['half a message', () => new Response('{"jsonrpc":"2.0","result":{"a"', { status: 200 }), -31502],
  ['nothing', () => new Response(null, { status: 202 }), -31502],
  ['a broken connection', () => Promise.reject(new Error('reset')), -32603],
])('%s is an error', async (_what, answer, code) => {
  const { ask } = setUp('modern', answer)
  expect(await ask('tools/list').answered).toMatchObject({ code })
})

test.each([
  ['a page', () => new Response('<html>', { headers: { 'Content-Type': 'text/html' } }), '200 with text/html'],
  ['nothing', () => new Response(null), '200 without a body'],
  ['empty JSON', () => new Response('', { headers: { 'Content-Type': 'application/json' } }), '200 without a body'],
  [
    'an empty stream',
    () => new Response('', { headers: { 'Content-Type': 'text/event-stream' } }),
    'text/event-stream',
  ],
])('says that %s came in place of a message', async (_what, answer, told) => {
  const { ask } = setUp('modern', answer)
  const came = await ask('tools/list').answered
  expect('error' in came && decode(came.error).message).toContain(told)
})

test('[M17] a request of the modern era is cancelled by closing it', async () => {
  const { ask, requests } = setUp('modern', () => new Promise(() => {}))
  const { cancel } = ask('tools/list')
  await new Promise((resolve) => setTimeout(resolve))
  cancel('enough')
  expect(requests.map(({ signal }) => signal.aborted)).toEqual([true])
})

test('[L3, L7] one of the legacy era by saying so, in the session that the server has named', async () => {
  const { link, ask, requests } = setUp('legacy', (request, { id, method }) => {
    if (method === 'initialize') {
      return Response.json(
        { jsonrpc: '2.0', id, result: { protocolVersion: '2025-06-18' } },
        { headers: { 'Mcp-Session-Id': 's' } },
      )
    }
    if (request.method === 'GET') return new Response(null, { status: 405 })
    return method?.startsWith('notifications/') ? new Response(null, { status: 202 }) : new Promise<Response>(() => {})
  })
  await ask('initialize').answered
  const { cancel } = ask('tools/call')
  await new Promise((resolve) => setTimeout(resolve))
  cancel('enough')
  await new Promise((resolve) => setTimeout(resolve))
  expect(
    requests.slice(1).map(({ headers }) => [headers.get('mcp-session-id'), headers.get('mcp-protocol-version')]),
  ).toEqual([
    ['s', '2025-06-18'],
    ['s', '2025-06-18'],
  ])
  link.close()
  expect(requests.at(-1)?.method).toBe('DELETE')
})

test('[L7] a session that the server does not know any more ends the link', async () => {
  let isKnown = true
  const { link, ask } = setUp('legacy', (_request, { id, method }) => {
    if (method === 'initialize')
      return new Response(JSON.stringify({ jsonrpc: '2.0', id, result: {} }), { headers: { 'Mcp-Session-Id': 's' } })
    return isKnown ? result(id) : new Response(null, { status: 404 })
  })
  let ended = 0
  link.listener = { notified: () => {}, asked: () => () => {}, ended: () => ended++ } as EraLinkListener
  await ask('initialize').answered
  expect('result' in (await ask('tools/list').answered)).toBe(true)
  isKnown = false
  expect(await ask('tools/list').answered).toMatchObject({ code: -31502 })
  expect([ended, link.isOver]).toEqual([1, true])
})

test.each(['application/json', 'text/event-stream'])(
  'what is a request and a response at once is neither, in an answer of type %s [finding 27]',
  async (type) => {
    const { ask, link } = setUp('modern', (_request, { id }) => {
      const large = 'x'.repeat(70_000)
      const mixed = `{"jsonrpc":"2.0","id":${id},"result":{"a":"${large}"},"method":"sampling/createMessage","params":{}}`
      return new Response(type === 'application/json' ? mixed : `data: ${mixed}\n\n`, {
        headers: { 'Content-Type': type },
      })
    })
    const asked: string[] = []
    link.listener = {
      notified: ({ method }) => void asked.push(method),
      asked: ({ method }) => {
        asked.push(method)
        return () => {}
      },
      ended: () => {},
    }
    expect(await ask('tools/list').answered).toMatchObject({ code: -31502 })
    expect(asked).toEqual([])
  },
)
