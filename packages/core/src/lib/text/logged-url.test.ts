import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../contract/gateway-error.js'
import { createLogger } from '../logging/create-logger.js'
import { proxy } from '../proxy/proxy.js'
import { mcpRequest } from '../testing/mcp-request.js'
import { loggedUrl, withLoggedUrls } from './logged-url.js'

const secret = 'zq7-planted-Key'
const longKey = 'sk_live_51Hb9ZxQ2eZvKYlo2C'

test.each([
  ['https://api.example/mcp', 'https://api.example/mcp'],
  ['https://api.example:8443/a/b/', 'https://api.example:8443/a/b/'],
  [
    'https://login.example/3f2504e0-4f89-11d3-9a0c-0305e82c3301/v2.0',
    'https://login.example/3f2504e0-4f89-11d3-9a0c-0305e82c3301/v2.0',
  ],
  ['https://registry.example/@scope/package', 'https://registry.example/@scope/package'],
  ['http://[::1]:8080/mcp', 'http://[::1]:8080/mcp'],
  ['/notes/mcp', '/notes/mcp'],
  [
    'https://a1b2c3d4e5f6a7b8c9d0e1f2.execute-api.eu-1.example/v2.0',
    'https://a1b2c3d4e5f6a7b8c9d0e1f2.execute-api.eu-1.example/v2.0',
  ],
  [
    'https://login.example/3f2504e0-4f89-11d3-9a0c-0305e82c3301.json',
    'https://login.example/3f2504e0-4f89-11d3-9a0c-0305e82c3301.json',
  ],
])('a URL without secrets stays as it is: %s', (url, expected) => {
  expect(loggedUrl(url)).toBe(expected)
})

test.each([
  ['a query', `https://api.example/mcp?key=${secret}`, 'https://api.example/mcp?[redacted'],
  ['a query without a name', `https://api.example/mcp?${secret}`, 'https://api.example/mcp?[redacted'],
  ['a fragment', `https://api.example/mcp#${secret}`, 'https://api.example/mcp#[redacted'],
  ['a user part', `https://user:${secret}@api.example/mcp`, '@api.example/mcp'],
  ['a user alone', `https://${secret}@api.example/mcp`, '@api.example/mcp'],
  ['a segment of the path', `https://hooks.example/s/${longKey}/mcp`, 'https://hooks.example/s/[redacted'],
  [
    'a key behind a name',
    `https://api.telegram.example/bot110201543:${longKey}/mcp`,
    'https://api.telegram.example/[re',
  ],
  ['a key before a file type', `https://hooks.example/${longKey}.json`, 'https://hooks.example/[redacted'],
  ['a token of three parts', `https://api.example/t/eyJhbGciOiJub25lIn0.${longKey}.x/mcp`, 'https://api.example/t/['],
  ['a parameter of a segment', `https://api.example/mcp;session=${longKey}`, 'https://api.example/[redacted'],
  ['the query of a path', `/login?next=/&key=${secret}`, '/login?[redacted'],
  ['a redirect to another host', `//user:${secret}@evil.example/?k=${secret}`, ''],
  ['a DSN', `redis://default:${secret}@db.internal:6379/0`, '@db.internal:6379/0'],
  ['a DSN whose password has an @', `postgres://app:x@${secret}@db.internal/app`, '@db.internal/app'],
  ['a DSN whose password has a slash', `postgres://app:x/${secret}@db.internal/app`, '@db.internal/app'],
  ['a DSN whose password has a #', `postgres://app:${secret}#${secret}@db.internal/app`, 'postgres://[redacted'],
  ['a DSN whose password has a ?', `mongodb+srv://app:${secret}?${secret}@db.internal/app`, 'mongodb+srv://[redacted'],
  ['a URL whose password has a slash', `https://app:x/${secret}@api.example/mcp`, '@api.example/mcp'],
  [
    'a DSN with options',
    `postgres://db.internal/app?user=app&password=${secret}`,
    'postgres://db.internal/app?[redacted',
  ],
])('%s is not told [finding 21]', (_, url, shown) => {
  for (const text of [loggedUrl(url), withLoggedUrls(`cannot reach "${url}", sorry`)]) {
    expect(text).not.toContain(secret)
    expect(text).not.toContain(longKey)
    expect(text).toContain(shown)
  }
  expect(new GatewayError('outbound_refused', `no answer from ${url}`).message).not.toContain(secret)
})

test('the same secret has the same tag, another has another, and no text is told apart by its start [finding 21]', () => {
  const tag = (text: string) => loggedUrl(`https://a.example/?${text}`)
  expect(tag('a=1')).toBe(tag('a=1'))
  const all = Array.from({ length: 2000 }, (_, index) => tag(`a=${index}`))
  expect(new Set(all).size).toBe(2000)
})

test('whatever stands in a URL beside origin and path is in no line [finding 21]', () => {
  const part = fc.stringMatching(/^[\w!$&'()*+,;=:%~.-]{0,12}$/)
  fc.assert(
    fc.property(
      fc.constantFrom('http', 'https', 'redis', 'rediss', 'postgres', 'mysql', 'amqp', 'ws', 'HTTPS'),
      part,
      part,
      fc.constantFrom('user', 'password', 'query', 'fragment', 'value'),
      (scheme, a, b, where) => {
        const planted = `${a}PLANTED7`
        const user = where === 'user' ? `${planted}@` : where === 'password' ? `u:${planted}@` : ''
        const query = where === 'query' ? `?${planted}` : where === 'value' ? `?${b}=${planted}` : ''
        const fragment = where === 'fragment' ? `#${planted}` : ''
        const lines: string[] = []
        const logger = createLogger({ write: (line) => lines.push(line) })
        const url = `${scheme}://${user}host.example/path${query}${fragment}`
        logger.info({ url, text: `see ${url} for more`, nested: [{ url }] }, `GET ${url}`)
        expect(lines.join()).not.toContain('PLANTED7')
        expect(lines.join()).toContain('host.example/path')
      },
    ),
  )
})

describe('with a logger that redacts nothing', () => {
  const collect = () => {
    const lines: string[] = []
    const write = (fields: Record<string, unknown>, message: string) =>
      void lines.push(JSON.stringify([fields, message]))
    return { lines, logger: { debug: write, info: write, warn: write, error: write } }
  }
  const ask = async (url: string, fetch: typeof globalThis.fetch) => {
    const { lines, logger } = collect()
    const response = await proxy(url, { fetch })(mcpRequest({ url: 'https://mcp.test/x', method: 'tools/list' }), {
      logger,
    } as never)
    return { lines, text: `${lines.join('\n')}\n${await response.text()}` }
  }

  test('a proxy tells no key of an upstream that cannot be reached [finding 21]', async () => {
    const refused = Object.assign(new TypeError('fetch failed'), { code: 'ECONNREFUSED' })
    const { lines, text } = await ask(`https://up.example/mcp?key=${secret}`, () => Promise.reject(refused))
    expect(lines).toHaveLength(1)
    expect(text).toContain('https://up.example/mcp?[redacted')
    expect(text).not.toContain(secret)
  })

  test.each([
    `https://up.example/login?key=${secret}`,
    `/login?key=${secret}#${secret}`,
    `//u:${secret}@up.example/`,
    `https://u:${secret}@up.example/`,
  ])('a proxy tells no key of a redirect: %s [finding 21]', async (location) => {
    const { lines, text } = await ask(
      'https://up.example/mcp',
      async () => new Response(null, { status: 302, headers: { location } }),
    )
    expect(lines).toHaveLength(1)
    expect(text).not.toContain(secret)
  })
})

test('a proxy that is configured with a key in a wrong place does not print it [finding 21]', () => {
  for (const url of [
    `https://u:${secret}@up.example/mcp`,
    `https://up.example/mcp#${secret}`,
    `ftp://up.example/?${secret}`,
  ]) {
    expect(() => proxy(url)).toThrow(expect.objectContaining({ message: expect.not.stringContaining(secret) }))
  }
})
