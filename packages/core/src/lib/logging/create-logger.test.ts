import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GatewayError } from '../contract/gateway-error.js'
import { createGateway } from '../gateway/create-gateway.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { fakeIssuer } from '../testing/fake-issuer.js'
import { mcpRequest } from '../testing/mcp-request.js'
import { createLogger, type LoggerOptions } from './create-logger.js'

function log(options: LoggerOptions = {}): { lines: string[]; logger: ReturnType<typeof createLogger> } {
  const lines: string[] = []
  return { lines, logger: createLogger({ ...options, write: (line) => lines.push(line) }) }
}

test('a line is one JSON object with timestamp, level, message and fields', () => {
  const { lines, logger } = log()
  logger.info({ a: 1, level: 'forged', message: 'forged', text: 'two\nlines' }, 'hello')
  expect(lines[0]).not.toContain('\n')
  const line = JSON.parse(lines[0] as string)
  expect(line).toMatchObject({ level: 'info', message: 'hello', a: 1, text: 'two\nlines' })
  expect(new Date(line.timestamp).getTime()).toBeGreaterThan(Date.now() - 60_000)
})

test('what is below the level is not written', () => {
  const write = (level: LoggerOptions['level']) => {
    const { lines, logger } = log({ level })
    logger.debug({}, '')
    logger.info({}, '')
    logger.warn({}, '')
    logger.error({}, '')
    return lines.length
  }
  expect(
    [undefined, 'debug', 'warn', 'error', 'silent'].map((level) => write(level as LoggerOptions['level'])),
  ).toEqual([3, 4, 2, 1, 0])
  expect(() => createLogger({ level: 'loud' as 'info' })).toThrow(GatewayError)
})

const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl'
const secret = 'sup3r-s3cret-value'

test.each<[string, Record<string, unknown>]>([
  ['a header', { authorization: secret }],
  ['a header of other spelling', { 'Proxy-Authorization': secret, SET_COOKIE: secret }],
  ['headers', { headers: new Headers({ Authorization: secret, Cookie: secret }) }],
  ['form fields', { body: { code: secret, code_verifier: secret, client_secret: secret, refresh_token: secret } }],
  ['nested fields', { a: [{ b: { accessToken: secret } }] }],
  ['a URL', { url: new URL(`https://a.example/cb?code=${secret}&state=${secret}`) }],
  ['a URL as text', { location: `https://a.example/?access_token=${secret}#id_token=${secret}` }],
  ['a connection string', { store: `redis://user:${secret}@db.internal:6379` }],
  ['a bearer token in text', { text: `curl -H "Authorization: Bearer ${secret}"` }],
  ['an error', { error: new Error(`failed for Bearer ${secret}`, { cause: new Error(`code=${secret}`) }) }],
  [
    'JSON as text',
    { text: `{"access_token":"${secret}","Client-Secret" : "${secret}", "n":{"password":"a\\"${secret}"}}` },
  ],
  ['JSON that is cut', { text: `{"password":"${secret}` }],
  ['JSON in a text of JSON', { text: JSON.stringify({ text: JSON.stringify({ apiKey: secret }) }) }],
  ['bytes', { body: new TextEncoder().encode(secret) }],
])('a credential in %s is not written [attack 160]', (_where, fields) => {
  const { lines, logger } = log()
  logger.info(fields, `GET /cb?code=${secret}`)
  expect(lines).toHaveLength(1)
  expect(lines[0]).not.toContain(secret)
})

test('a JWT is not written, wherever it stands [attack 160]', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.constantFrom('note', 'x', 'text'), (before, after, key) => {
      const { lines, logger } = log()
      logger.error({ [key]: `${before} ${jwt} ${after}`, list: [jwt] }, `x ${jwt}`)
      expect(lines.join()).not.toContain(jwt)
    }),
  )
})

test('what JSON has beside credentials is written as it is', () => {
  const { lines, logger } = log()
  const text = '{"id":1,"error":{"code":-32600,"message":"code"},"tokens":"7","text":"{\\"name\\":\\"a b\\"}"}'
  logger.info({ text }, '')
  expect(JSON.parse(lines[0] as string).text).toBe(text)
})

test('ordinary fields are written as they are', () => {
  const { lines, logger } = log()
  const fields = {
    path: '/notes/mcp',
    status: 200,
    tool: 'add',
    user_sub: 'ab12',
    error_code: 'invalid_token',
    empty: null,
  }
  logger.info(fields, 'request')
  expect(JSON.parse(lines[0] as string)).toMatchObject(fields)
})

test('a line is written whatever the fields are: cycles, bigints, functions, getters that throw', () => {
  const cycle: Record<string, unknown> = { n: 1n, f: () => {}, date: new Date(Number.NaN) }
  cycle.self = cycle
  const angry = {
    get boom(): string {
      throw new Error('no')
    },
  }
  const { lines, logger } = log()
  logger.info(cycle, 'cycle')
  logger.info(angry, 'angry')
  expect(lines.map((line) => JSON.parse(line).message)).toEqual(['cycle', 'angry'])
})

test.each(['{\n  "alg": "ES256"\n}', '{\r\n"alg":"ES256"}', '{\t"alg":"ES256"}', '{ "alg": "ES256" }'])(
  'a JWT with the header %j is not written [finding 25, attack 160]',
  (header) => {
    const { lines, logger } = log()
    const token = [header, '{"sub":"ada"}', 'signature']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.')
    logger.info({ text: `got ${token}, sorry` }, token)
    for (const part of token.split('.')) expect(lines[0]).not.toContain(part)
  },
)

test('redaction takes a time that grows with the text alone [attack 157]', () => {
  const { lines, logger } = log()
  // Were it quadratic in one of these, this test would run for longer than a test may
  for (const text of [
    'eyJ',
    'eyJaaaaaaaa.',
    'ewo',
    'ewoaaaaaaaa.',
    '-eyA',
    'Bearer ',
    'code=',
    'http://',
    'a:',
    '?token=&',
  ])
    logger.info({ text: text.repeat(200_000) }, '')
  expect(lines).toHaveLength(10)
})

test('a gateway logs one line per request with who, what, how long and the trace, and no token of any kind [attack 160]', async () => {
  const { lines, logger } = log({ level: 'debug' })
  const issuer = fakeIssuer()
  const url = 'https://mcp.test/notes'
  const minted: string[] = []
  const mint = async (options: Parameters<typeof issuer.token>[0]) => {
    const token = await issuer.token({ resource: url, subject: 'ada@example.com', ...options })
    minted.push(token)
    return token
  }
  const gateway = createGateway({
    url: 'https://mcp.test',
    auth: { issuer: issuer.issuer, fetch: async (target) => issuer.fetch(new Request(target)) },
    servers: {
      '/notes': (request, context) => {
        if (context.message?.name === 'throw') throw new Error(`upstream said ${request.headers.get('authorization')}`)
        return new Response(null, { status: 202 })
      },
    },
    storage: memoryStorage(),
    logger,
  })
  const call = (token: string, name: string, headers?: Record<string, string>) =>
    gateway.fetch(
      mcpRequest({ url, token, method: 'tools/call', params: { name, arguments: { password: secret } }, headers }),
    )
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await call(await mint({}), 'add', { traceparent: trace, Cookie: `a=${secret}` })
  await call(await mint({}), 'throw')
  await call(await mint({ expiresIn: -60 }), 'add')
  await call(await mint({ signature: 'foreign' }), 'add')
  await call(`not-a-token-${secret}`, 'add')
  await gateway.fetch(new Request(`${url}?access_token=${secret}`))

  const requests = lines.map((line) => JSON.parse(line)).filter(({ message }) => message === 'request')
  expect(requests).toHaveLength(6)
  expect(requests[0]).toMatchObject({
    request_id: expect.stringMatching(/^[\da-f-]{36}$/),
    service: 'gateway',
    http_method: 'POST',
    path: '/notes',
    status: 202,
    latency_ms: expect.any(Number),
    user_sub: expect.stringMatching(/^[\da-f]{16}$/),
    client_id: 'client-1',
    resource: url,
    method: 'tools/call',
    target: 'add',
    decision: 'allow',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    span_id: 'b7ad6b7169203331',
  })
  expect(requests[2]).toMatchObject({ status: 401, decision: 'deny' })
  expect(requests[1].user_sub).toBe(requests[0].user_sub)
  const everything = lines.join('\n')
  for (const token of minted) expect(everything).not.toContain(token)
  expect(everything).not.toContain(secret)
  expect(everything).not.toContain('ada@example.com')
})
