import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { createGateway, type Gateway } from '../gateway/create-gateway.js'
import type { GatewayOptions } from '../gateway/gateway-options.js'
import { clientSetups, nameOfUrl } from './client-setups.js'
import { setupPage } from './setup-page.js'

const url = 'https://mcp.example.com'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

function make(options: Partial<GatewayOptions> = {}): Gateway {
  return createGateway({
    url,
    auth: { issuer: 'https://login.example.com' },
    servers: {
      '/notes/mcp': { server: () => new Response('reached'), requiredScopes: ['notes'], name: 'Notes' },
      '/secret/mcp': () => new Response(),
    },
    logger: quiet,
    ...options,
  })
}

async function open(gateway: Gateway, headers: Record<string, string>, method = 'GET') {
  const answer = await gateway.fetch(new Request(`${url}/notes/mcp`, { method, headers }))
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    headers: answer.headers,
    text: await answer.text(),
  }
}

test('who opens a server in a browser learns what it is, how to add it and who runs it', async () => {
  const gateway = make({ page: { name: 'Example Inc.', contact: 'mailto:it@example.com' } })
  // A link on another site leads here too
  const { status, headers, text } = await open(gateway, { Accept: browser, 'Sec-Fetch-Site': 'cross-site' })
  expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  for (const part of [
    'Claude Code',
    'Cursor',
    'VS Code',
    'Inspector',
    'mcp-remote',
    'Example Inc.',
    'mailto:it@example.com',
  ]) {
    expect(text).toContain(part)
  }
  expect(text).toContain(`claude mcp add --transport http notes ${url}/notes/mcp`)
  expect(headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; style-src 'sha256-[\w+/=]+'.*frame-ancestors 'none'/,
  )
  expect(text).not.toMatch(/<script|\son\w+=/i)
  // What needs a token, and other servers, are not on it
  for (const hidden of ['secret', 'login.example.com', 'scope']) expect(text).not.toContain(hidden)
})

test.each<[string, Record<string, string>, string?]>([
  ['an event stream', { Accept: 'text/event-stream' }],
  ['an event stream beside a page', { Accept: `${browser}, text/event-stream` }],
  ['an event stream with a weight', { Accept: 'text/html, text/event-stream;q=0.5' }],
  ['anything', { Accept: '*/*' }],
  ['any text', { Accept: 'text/*' }],
  ['no page', { Accept: 'text/html;q=0, */*' }],
  ['nothing', {}],
  ['JSON', { Accept: 'application/json' }],
  ['a session', { Accept: browser, 'Mcp-Session-Id': 'x' }],
  ['a POST', { Accept: browser }, 'POST'],
])('%s is challenged as before', async (_what, headers, method) => {
  const { status, headers: got } = await open(make(), headers, method)
  expect([status, got.get('www-authenticate')]).toEqual([401, expect.stringContaining('resource_metadata=')])
})

test('page: false has none, and a foreign name of this machine sees none [finding 19]', async () => {
  expect((await open(make({ page: false }), { Accept: browser })).status).toBe(401)
  const local = createGateway({
    url: 'http://127.0.0.1:8787',
    dangerouslyAllowAnonymous: true,
    servers: { '/mcp': () => new Response() },
    logger: quiet,
  })
  const ask = async (host: string) =>
    (await local.fetch(new Request(`http://${host}/mcp`, { headers: { Accept: browser } }))).status
  expect([await ask('127.0.0.1:8787'), await ask('evil.example.com')]).toEqual([200, 403])
  expect(() => make({ page: { contact: 'javascript:alert(1)' } })).toThrow('contact')
})

test('a page of several servers has all of them, and is 404 for programs', async () => {
  const servers = ['a', 'b'].map((name) => ({ name, url: `${url}/${name}/mcp` }))
  const page = setupPage({ servers })
  const html = await (await page(new Request(url, { headers: { Accept: browser } }), {})).text()
  for (const { url } of servers) expect(html).toContain(`<code>${url}</code>`)
  expect((await page(new Request(url), {})).status).toBe(404)
})

test.each(["it's $(id) `id` ;#&", '[::1]', '*', 'plain'])('the command has %s as one word of a shell', (odd) => {
  const [setup] = clientSetups([{ name: 'x', url: odd }])
  const script = `claude() { printf %s "$6"; }; ${setup?.text}`
  expect(spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout).toBe(odd)
})

test.each([
  ['https://mcp.example.com/notes/mcp', 'notes'],
  ['https://mcp.example.com/mcp', 'mcp'],
  ['https://notes.example.com/', 'notes'],
  ['http://127.0.0.1:8787/mcp', 'mcp'],
  ["https://a.example/it's~x", 'it-s-x'],
])('%s is called %s', (address, name) => {
  expect(nameOfUrl(address)).toBe(name)
})
