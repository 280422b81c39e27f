import { describe, expect, test } from 'vitest'
import { createGateway } from '../gateway/create-gateway.js'
import type { GatewayOptions } from '../gateway/gateway-options.js'

const url = 'http://127.0.0.1:8787'
const page = 'https://app.example.com'

/** A gateway without tokens, which counts what reaches its server and its readiness check. */
function setUp(options: Partial<GatewayOptions> = {}) {
  const reached: string[] = []
  const gateway = createGateway({
    url,
    dangerouslyAllowAnonymous: true,
    allowedOrigins: [page],
    servers: {
      '/mcp': (request) => {
        reached.push(request.method)
        return new Response('{}', { headers: { 'Content-Type': 'application/json' } })
      },
    },
    readiness: {
      server: async () => {
        reached.push('check')
      },
    },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...options,
  })
  const ask = async (path: string, method: string, headers: Record<string, string>) => {
    const json = method === 'POST' ? { 'Content-Type': 'application/json' } : undefined
    const body = method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"ping"}' : undefined
    const { status } = await gateway.fetch(new Request(url + path, { method, headers: { ...json, ...headers }, body }))
    return status
  }
  return { reached, ask }
}

const embedded = (site: string, dest: string, mode = 'no-cors') => ({
  'Sec-Fetch-Site': site,
  'Sec-Fetch-Mode': mode,
  'Sec-Fetch-Dest': dest,
})

describe('what a page of another site embeds or links to', () => {
  test.each([
    ['an image', embedded('cross-site', 'image')],
    ['a script', embedded('cross-site', 'script')],
    ['a link', embedded('cross-site', 'document', 'navigate')],
    ['a frame', embedded('cross-site', 'iframe', 'navigate')],
    ['an image of another port', embedded('same-site', 'image')],
    ['a kind of site that there will be', embedded('other', 'image')],
  ])('as %s reaches no server and no readiness check [finding 20, M2]', async (_what, headers) => {
    const { ask, reached } = setUp()
    for (const method of ['GET', 'POST', 'DELETE']) expect(await ask('/mcp', method, headers)).toBe(403)
    expect(await ask('/ready', 'GET', headers)).toBe(403)
    expect(reached).toEqual([])
  })

  test('or fetches from an origin that is not allowed runs no readiness check either [finding 20]', async () => {
    const { ask, reached } = setUp()
    const headers = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' }
    for (const path of ['/mcp', '/ready']) expect(await ask(path, 'GET', headers)).toBe(403)
    expect(reached).toEqual([])
  })
})

describe('a request', () => {
  test.each([
    ['of no browser', {}],
    ['of the own page', { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' }],
    ['of the person', { 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate' }],
    ['of a runtime that sends a mode alone', { 'Sec-Fetch-Mode': 'cors' }],
    ['of an allowed page', { Origin: page, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' }],
    ['of an allowed page of another port', { Origin: page, 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'cors' }],
  ])('%s is served [finding 20]', async (_whose, headers) => {
    const { ask, reached } = setUp()
    expect([await ask('/mcp', 'GET', headers), await ask('/mcp', 'POST', headers)]).toEqual([200, 200])
    expect(await ask('/ready', 'GET', headers)).toBe(200)
    expect(reached).toEqual(['GET', 'POST', 'check'])
  })
})
