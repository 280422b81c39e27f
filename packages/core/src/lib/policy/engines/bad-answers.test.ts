import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Answer, type EngineServer, json, startEngine } from '../../../../test/engine-server.js'
import { policyInput } from '../../../../test/policy-input.js'
import type { Decision, Policy } from '../../contract/policy.js'
import { authzen } from './authzen/authzen.js'
import type { EngineOptions } from './engine-client.js'
import { opa } from './opa/opa.js'

type Options = Partial<EngineOptions>

let engine: EngineServer
let lines: string[]
const hear = (level: string) => (fields: Record<string, unknown>, message: string) => {
  const text = JSON.stringify(fields, (_, value) => (value instanceof Error ? `${value} ${value.cause}` : value))
  lines.push(`${level} ${message} ${text}`)
}
const logger = { debug: hear('debug'), info: hear('info'), warn: hear('warn'), error: hear('error') }
const common = (): EngineOptions => ({ url: engine.url, logger, token: 'very-secret', timeout: 20 })
/** For what is meant to be too slow. */
const short = { timeout: 0.3 }

beforeEach(async () => {
  lines = []
  engine = await startEngine(json({}))
})
afterEach(() => engine.close())

/** Each engine in each way that it is asked. `yes` is what it would answer to allow. */
const engines: [
  name: string,
  make: (options?: Options) => Policy,
  ask: (policy: Policy) => Promise<Decision>,
  yes: (allow: unknown) => unknown,
][] = [
  ['opa', (options) => opa({ ...common(), ...options }), single, (allow) => ({ result: allow })],
  ['opa, an object', (options) => opa({ ...common(), ...options }), single, (allow) => ({ result: { allow } })],
  [
    'opa, a list by names',
    (options) => opa({ ...common(), listPath: 'mcp/authz/allowed', ...options }),
    listed,
    (allow) => ({ result: allow === true ? ['search'] : allow }),
  ],
  ['opa, a list one by one', (options) => opa({ ...common(), ...options }), listed, (allow) => ({ result: allow })],
  [
    'authzen',
    (options) => authzen({ ...common(), discovery: false, ...options }),
    single,
    (allow) => ({ decision: allow }),
  ],
  [
    'authzen, a list',
    (options) => authzen({ ...common(), discovery: false, ...options }),
    listed,
    (allow) => ({ evaluations: [{ decision: allow }] }),
  ],
]

async function single(policy: Policy): Promise<Decision> {
  return policy(policyInput())
}

async function listed(policy: Policy): Promise<Decision> {
  const decisions = await policy.many?.([policyInput()])
  expect(decisions).toHaveLength(1)
  return decisions?.[0] as Decision
}

describe.each(engines)('%s', (name, make, ask, yes) => {
  const start = name.split(',', 1)[0] as string

  test('allows what the engine allows, so that the rest of this table means something', async () => {
    engine.answer = json(yes(true))
    expect(await ask(make())).toMatchObject({ allow: true })
  })

  test('takes an answer that is compressed', async () => {
    engine.answer = (response) => {
      const body = gzipSync(JSON.stringify(yes(true)))
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }).end(body)
    }
    expect(await ask(make())).toMatchObject({ allow: true })
  })

  const body = (text: string | Uint8Array, status = 200, headers = {}): Answer => {
    return (response) => response.writeHead(status, headers).end(text)
  }
  const cut =
    (text: string): Answer =>
    (response) => {
      response.writeHead(200, { 'Content-Length': text.length + 10 }).write(text, () => response.destroy())
    }
  const trickle = (response: ServerResponse) => {
    response.writeHead(200).write('{')
    const timer = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(timer))
  }
  const noDecision: [string, () => Answer, RegExp][] = [
    ['says nothing', () => () => {}, /no answer within 0\.3 s; .*raise timeout/],
    ['is slow', () => (response) => setTimeout(() => json(yes(true))(response, null as never), 800), /within 0\.3 s/],
    ['never ends its answer', () => trickle, /within 0\.3 s/],
    ['closes the connection', () => (response) => response.destroy(), /cannot be reached, or broke off/],
    ['breaks off in its answer', () => cut(JSON.stringify(yes(true))), /cannot be reached, or broke off/],
    ['redirects', () => json(yes(true), 307, { Location: `${engine.url}/elsewhere` }), /refused: it redirects/],
    ['redirects with 302', () => json(yes(true), 302, { Location: '/' }), /refused: it redirects/],
    [
      'answers 10 MB',
      () => body(JSON.stringify({ ...(yes(true) as object), pad: 'x'.repeat(1e7) })),
      /more than 65536 bytes/,
    ],
    [
      'answers 10 MB in a few bytes',
      () =>
        body(gzipSync(JSON.stringify({ ...(yes(true) as object), pad: 'x'.repeat(1e7) })), 200, {
          'Content-Encoding': 'gzip',
        }),
      /more than 65536 bytes/,
    ],
    [
      'answers what is no gzip',
      () => body('{}', 200, { 'Content-Encoding': 'gzip' }),
      /cannot be reached, or broke off/,
    ],
    ['answers HTML', () => body('<html>true</html>', 200, { 'Content-Type': 'text/html' }), /not JSON; check that url/],
    ['answers nothing', () => body(''), /not JSON/],
    ['answers half of it', () => body(JSON.stringify(yes(true)).slice(0, -1)), /not JSON/],
    ['answers twice', () => body(JSON.stringify(yes(true)).repeat(2)), /not JSON/],
    ['answers what is no UTF-8', () => body(new Uint8Array([0x22, 0xff, 0x22])), /not JSON/],
    ['answers 204', () => body('', 204), /not JSON/],
    ['answers true alone', () => body('true'), /answers/],
    ['answers null', () => body('null'), /answers/],
    ['answers a list', () => body('[true]'), /answers/],
    ['answers 400', () => json(yes(true), 400), /answers 400, since it cannot read the question/],
    ['answers 401', () => json(yes(true), 401), /answers 401; give a token/],
    ['answers 403', () => json(yes(true), 403), /answers 403; give a token/],
    ['answers 404', () => json(yes(true), 404), /answers 404; check url and the path/],
    ['answers 413', () => json(yes(true), 413), /answers 413/],
    ['answers 429', () => json(yes(true), 429, { 'Retry-After': '1' }), /answers 429/],
    ['answers 500', () => json(yes(true), 500), /answers 500; see its own log/],
    ['answers 503', () => json(yes(true), 503, { 'Retry-After': 'Fri, 31 Dec 2027 23:59:59 GMT' }), /answers 503/],
  ]

  test.each(noDecision)('makes no decision where the engine %s', async (_, answer, message) => {
    engine.answer = answer()
    const error = (await ask(make(message.source.includes('within') ? short : {})).then(
      (decision) => expect.fail(`It decided ${JSON.stringify(decision)}`),
      (reason: unknown) => reason,
    )) as Error
    expect(error).toMatchObject({ code: 'temporarily_unavailable', status: 503 })
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(new RegExp(`^${start}: ${engine.url}/`))
    expect(lines.join('\n')).toMatch(/warn a policy engine made no decision/)
    expect(`${error.message}${lines.join('\n')}`).not.toMatch(/very-secret|alice/)
  })

  test('makes no decision where nothing listens', async () => {
    engine.close()
    await delay(10)
    await expect(ask(make())).rejects.toThrow(/cannot be reached, or broke off \(ECONNREFUSED\); check url/)
  })

  test.each([['yes'], ['true'], [1], [0], [null], [undefined], [[]], [['']], [{}], [{ allow: 'yes' }]])(
    'never allows by %j',
    async (value) => {
      engine.answer = json(yes(value))
      const decision = await ask(make()).catch((error: { code: string }) => error.code)
      expect([decision, typeof decision === 'object' && decision.allow]).toEqual([decision, false])
    },
  )

  test.each<[string, () => string | Promise<string>, RegExp]>([
    ['throws', () => Promise.reject(new Error('very-secret')), /cannot be reached|token/],
    ['gives nothing', () => '', /token gave no token/],
    ['gives two lines', () => 'a\r\nX-Admin: 1', /token gave no token/],
    ['never ends', () => new Promise(() => {}), /no answer within/],
  ])('makes no decision where a token function %s', async (_, token, message) => {
    engine.answer = json(yes(true))
    const slow = message.source.includes('within') ? short : {}
    await expect(ask(make({ token, ...slow }))).rejects.toThrow(message)
    expect(engine.requests).toHaveLength(0)
  })

  test('does not ask an engine that is down again and again, and finds out that it is up', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    engine.answer = json({}, 503)
    const policy = make({ breaker: { failures: 3, pause: 10 } })
    for (let index = 0; index < 8; index++) await expect(ask(policy)).rejects.toMatchObject({ status: 503 })
    expect(engine.requests).toHaveLength(3)
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(1)

    vi.advanceTimersByTime(10_001)
    await expect(ask(policy)).rejects.toThrow(/answers 503/)
    await expect(ask(policy)).rejects.toThrow(/has failed several times/)
    expect(engine.requests).toHaveLength(4)

    engine.answer = json(yes(true))
    vi.advanceTimersByTime(10_001)
    expect(await ask(policy)).toMatchObject({ allow: true })
    expect(await ask(policy)).toMatchObject({ allow: true })
    expect(lines.filter((line) => line.startsWith('info'))).toHaveLength(1)
    vi.useRealTimers()
  })

  test('lets one question through to see whether it is up', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    engine.answer = json({}, 502)
    const policy = make({ breaker: { failures: 1, pause: 5 } })
    await ask(policy).catch(() => {})
    vi.advanceTimersByTime(5001)
    engine.answer = json(yes(true))
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => ask(policy)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(engine.requests).toHaveLength(2)
    vi.useRealTimers()
  })

  test('waits as long as the engine asks for, and a minute at most', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    engine.answer = json({}, 429, { 'Retry-After': '20' })
    const policy = make()
    await ask(policy).catch(() => {})
    vi.advanceTimersByTime(19_000)
    await expect(ask(policy)).rejects.toThrow(/is not asked for a while/)
    expect(engine.requests).toHaveLength(1)
    engine.answer = json({}, 503, { 'Retry-After': '999999' })
    vi.advanceTimersByTime(1001)
    await expect(ask(policy)).rejects.toThrow(/answers 503/)
    engine.answer = json(yes(true))
    vi.advanceTimersByTime(60_001)
    expect(await ask(policy)).toMatchObject({ allow: true })
    vi.useRealTimers()
  })

  test('is not kept from others by questions that the engine refuses', async () => {
    const policy = make({ breaker: { failures: 2, pause: 60 } })
    for (const status of [400, 500, 413, 400, 500]) {
      engine.answer = json({}, status)
      await expect(ask(policy)).rejects.toThrow(`answers ${status}`)
    }
    engine.answer = json(yes(true))
    expect(await ask(policy)).toMatchObject({ allow: true })
  })

  test('asks once more on a kept connection that was closed', async () => {
    engine.answer = json(yes(true))
    const policy = make()
    await ask(policy)
    let closed = false
    engine.answer = (response, request) => {
      if (closed) return json(yes(true))(response, request)
      closed = true
      response.socket?.resetAndDestroy()
    }
    expect(await ask(policy)).toMatchObject({ allow: true })
  })
})

test('a list ends with its first failure, and asks for nothing more', async () => {
  engine.answer = json({}, 500)
  const policy = opa({ ...common(), concurrency: 2 })
  const inputs = Array.from({ length: 100 }, (_, index) => policyInput({ resource: { name: `t${index}` } }))
  await expect(policy.many?.(inputs)).rejects.toMatchObject({ status: 503 })
  expect(engine.requests.length).toBeLessThanOrEqual(4)
})

test('half a batch denies what is missing, and too long a batch decides nothing', async () => {
  const policy = authzen({ ...common(), discovery: false })
  const inputs = ['a', 'b', 'c'].map((name) => policyInput({ resource: { name } }))
  engine.answer = json({ evaluations: [{ decision: true }, { decision: true }] })
  expect((await policy.many?.(inputs))?.map(({ allow }) => allow)).toEqual([true, true, false])
  engine.answer = json({ evaluations: [{ decision: true }, {}, { decision: 'true' }] })
  expect((await policy.many?.(inputs))?.map(({ allow }) => allow)).toEqual([true, false, false])
  engine.answer = json({ evaluations: [] })
  expect((await policy.many?.(inputs))?.map(({ allow }) => allow)).toEqual([false, false, false])
  engine.answer = json({ evaluations: Array.from({ length: 4 }, () => ({ decision: true })) })
  await expect(policy.many?.(inputs)).rejects.toThrow(/more evaluations than were asked/)
  engine.answer = json({ decision: true })
  await expect(policy.many?.(inputs)).rejects.toThrow(/without a list of evaluations/)
})
