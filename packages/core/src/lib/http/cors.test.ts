import { expect, test } from 'vitest'
import type { Handler } from '../contract/handler.js'
import { compose } from './compose.js'
import { cors } from './cors.js'

const page = 'https://app.example.com'
const url = 'https://mcp.example.com/mcp'

async function ask(
  headers: Record<string, string>,
  { method = 'POST', answer = () => new Response('ok') }: { method?: string; answer?: Handler } = {},
) {
  let reached = false
  const handler = compose([cors({ allowedOrigins: [page] })], (request, context) => {
    reached = true
    return answer(request, context)
  })
  const response = await handler(new Request(url, { method, headers }), {})
  return { response, reached, allowed: response.headers.get('access-control-allow-origin') }
}

test('a listed page may read every answer, errors too, and the headers that MCP needs', async () => {
  for (const status of [200, 401, 500]) {
    const { response, allowed } = await ask({ Origin: page }, { answer: () => new Response('x', { status }) })
    expect([response.status, allowed]).toEqual([status, page])
    expect(response.headers.get('access-control-expose-headers')).toContain('Mcp-Session-Id')
    expect(response.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
  }
})

test.each([
  [{ Origin: 'https://evil.example.com' }],
  [{ Origin: 'null' }],
  [{ Origin: `${page}.evil.example.com` }],
  [{ Origin: 'https://app.example.com:8443' }],
  [{}],
])('%j reads nothing, but is not refused here', async (headers) => {
  const { response, reached, allowed } = await ask(headers)
  expect([response.status, reached, allowed]).toEqual([200, true, null])
  expect(response.headers.get('vary')).toBe('Origin')
})

test('no answer allows cookies or every origin', async () => {
  for (const method of ['POST', 'OPTIONS']) {
    const { response } = await ask({ Origin: page, 'Access-Control-Request-Method': 'POST' }, { method })
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
    expect(response.headers.get('access-control-allow-origin')).toBe(page)
  }
})

test('a preflight of a listed page is answered without a token', async () => {
  const headers = { Origin: page, 'Access-Control-Request-Method': 'DELETE' }
  const { response, reached } = await ask(headers, { method: 'OPTIONS' })
  expect([response.status, reached]).toEqual([204, false])
  expect(response.headers.get('access-control-allow-methods')).toContain('DELETE')
  expect(response.headers.get('access-control-allow-headers')).toMatch(/authorization.*mcp-session-id/)
  expect(response.headers.get('vary')).toContain('Origin')
})

test('what is no preflight of a listed page goes on', async () => {
  const others: Record<string, string>[] = [
    { Origin: page },
    { 'Access-Control-Request-Method': 'POST' },
    { Origin: 'https://evil.example.com', 'Access-Control-Request-Method': 'POST' },
  ]
  for (const headers of others) {
    const { reached } = await ask(headers, { method: 'OPTIONS' })
    expect(reached).toBe(true)
  }
})

test("a preflight allows the parameters' own headers that it asks for, at most fifty, and no other [M10]", async () => {
  const names = ['Mcp-Param-City', ' mcp-param-zip ', 'X-Evil', 'mcp-param-', 'mcp-param-a b', 'mcp-param-ä']
  const many = Array.from({ length: 80 }, (_, index) => `mcp-param-n${index}`)
  const headers = (requested: string[]) => ({
    Origin: page,
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': requested.map((name) => encodeURI(name).replaceAll('%20', ' ')).join(','),
  })
  const allowed = async (requested: string[]) => {
    const { response } = await ask(headers(requested), { method: 'OPTIONS' })
    return (response.headers.get('access-control-allow-headers') ?? '').split(', ')
  }
  const few = await allowed(names)
  expect(few.filter((name) => name.startsWith('mcp-param'))).toEqual([
    'mcp-param-city',
    'mcp-param-zip',
    'mcp-param-%c3%a4',
  ])
  expect(few).not.toContain('x-evil')
  expect((await allowed(many)).filter((name) => name.startsWith('mcp-param'))).toHaveLength(50)
})

test('an answer whose headers cannot be changed is named too', async () => {
  const redirect = await ask({ Origin: page }, { answer: () => Response.redirect(url) })
  expect([redirect.allowed, redirect.response.status]).toEqual([page, 302])
})

test('what varies already still does', async () => {
  const answer = () => new Response('', { headers: { Vary: 'Accept' } })
  expect((await ask({ Origin: page }, { answer })).response.headers.get('vary')).toBe('Accept, Origin')
})

test.each(['https://app.example.com/', 'app.example.com', '*', ''])('%j is no origin to allow', (origin) => {
  expect(() => cors({ allowedOrigins: [origin] })).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
})
