import Database from 'libsql'
import { describe, expect, test, vi } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import type { Policy } from '../contract/policy.js'
import type { AuditEvent } from './audit-event.js'
import { createEventIds } from './event-id.js'
import { history } from './history.js'
import { memoryAudit } from './memory-audit.js'
import { sqliteAudit } from './sqlite-audit.js'

const issuer = 'https://login.example.com'
const nextId = createEventIds()
const base = Date.now() - 3_600_000
const server = 'https://mcp.example.com/notes/mcp'

function event(more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: nextId(),
    ts: Date.now(),
    type: 'tool_call',
    outcome: 'ok',
    subjectIss: issuer,
    subjectId: 'ada',
    clientId: 'app',
    server,
    method: 'tools/call',
    replica: 'one',
    v: 1,
    ...more,
  }
}

const auth = (subject: string, more: Partial<AuthInfo> = {}): AuthInfo => ({
  token: 't',
  clientId: 'app',
  scopes: [],
  extra: { subject, issuer, roles: subject === 'root' ? ['admin'] : [] },
  ...more,
})

const admins: Policy = ({ action, subject }) =>
  action === 'history/read' && subject.roles.includes('admin') ? { allow: true } : { allow: false, reason: 'no admin' }

const stores = { memory: () => memoryAudit(), SQLite: () => sqliteAudit(new Database(':memory:')) }

describe.each(Object.entries(stores))('history over %s', (_name, open) => {
  const make = async (events: readonly AuditEvent[], policy: Policy | null = admins) => {
    const store = open()
    if (events.length > 0) await store.write(events)
    const handler = history({ store, ...(policy && { policy }) })
    return async (query: string, who: AuthInfo | undefined = auth('ada'), accept = 'application/json') =>
      handler(new Request(`https://mcp.example.com/history${query}`, { headers: { Accept: accept } }), {
        ...(who && { auth: who }),
      })
  }
  const targets = async (response: Response) =>
    ((await response.json()) as { events: { target: string }[] }).events.map(({ target }) => target)

  test('everybody sees their own events alone, the newest first', async () => {
    const ask = await make([
      event({ target: 'first', ts: base, arguments: '{"a":1}' }),
      event({ target: 'of bob', subjectId: 'bob' }),
      event({ target: 'of another issuer', subjectIss: 'https://other.example' }),
      event({ target: 'of a client of that name', clientId: 'ada' }),
      event({ target: 'second', ts: base + 1000 }),
    ])
    const response = await ask('')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const { events } = (await response.json()) as { events: Record<string, unknown>[] }
    expect(events.map(({ target }) => target)).toEqual(['second', 'first'])
    expect(events[1]).toMatchObject({ ts: new Date(base).toISOString(), subject_id: 'ada', arguments: '{"a":1}' })
    expect(await targets(await ask('?subject=ada'))).toHaveLength(2)
  })

  test('who the policy allows sees those of others, without arguments; nobody else does, and no policy allows nothing', async () => {
    const events = [
      event({ target: 'of ada', arguments: '{"secret":1}', result: '{}' }),
      event({ subjectId: 'root', arguments: '{"own":1}' }),
    ]
    const ask = await make(events)
    const all = await (await ask('?subject=*', auth('root'))).text()
    expect(all).toContain('of ada')
    expect(all).toContain('own')
    expect(all).not.toContain('secret')
    expect(await targets(await ask('?subject=ada', auth('root')))).toEqual(['of ada'])
    for (const subject of ['*', 'ada', 'root']) {
      const refused = await ask(`?subject=${subject}`, auth('eve'))
      expect([refused.status, await refused.text()]).toEqual([403, expect.not.stringContaining('no admin')])
    }
    const closed = await make(events, null)
    expect((await closed('?subject=*', auth('root'))).status).toBe(403)
  })

  test('a policy that throws decides nothing: 503', async () => {
    const ask = await make([], () => {
      throw new Error('engine down')
    })
    const response = await ask('?subject=*')
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
  })

  test('pages lead to each event once, in JSON by cursor and in each format by Link', async () => {
    const ask = await make(
      Array.from({ length: 23 }, (_, index) => event({ target: `${index}`, ts: base + (index >> 2) })),
    )
    const seen: string[] = []
    let query = '?limit=5&server='.concat(encodeURIComponent(server))
    for (;;) {
      const response = await ask(query)
      const link = /^<(\?[^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1]
      const { events, cursor } = (await response.json()) as { events: { target: string }[]; cursor?: string }
      seen.push(...events.map(({ target }) => target))
      expect(link !== undefined).toBe(cursor !== undefined)
      if (link === undefined) break
      query = link
    }
    expect(seen).toEqual(Array.from({ length: 23 }, (_, index) => `${22 - index}`))
  })

  test('filters by server, tool, method, type, outcome and time', async () => {
    const ask = await make([
      event({ target: 'add', ts: Date.parse('2026-01-01T00:00:00Z') }),
      event({ target: 'add', ts: Date.parse('2026-02-01T00:00:00Z'), outcome: 'tool_error' }),
      event({ target: 'add', method: 'prompts/get', type: 'prompt_get', server: 'https://other.example/mcp' }),
    ])
    const count = async (query: string) => (await targets(await ask(query))).length
    expect(await count('?tool=add')).toBe(2)
    expect(await count('?outcome=tool_error')).toBe(1)
    expect(await count('?type=prompt_get')).toBe(1)
    expect(await count('?method=prompts/get')).toBe(1)
    expect(await count('?server=https://other.example/mcp')).toBe(1)
    expect(await count('?to=2026-01-15')).toBe(1)
    expect(await count('?from=2026-01-15T00:00:00Z&to=2026-03-01T00:00:00%2B01:00')).toBe(1)
    expect(await count(`?tool=${encodeURIComponent("' OR 1=1 --")}`)).toBe(0)
  })

  test('in CSV formulas are text, and quotes and line breaks stay within their field', async () => {
    const names = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '  =1', '＝1', 'a"b', 'two\nlines', 'plain']
    const ask = await make(names.map((target) => event({ target })))
    const response = await ask('', auth('ada'), 'text/csv')
    expect(response.headers.get('content-type')).toMatch(/^text\/csv/)
    const text = await response.text()
    for (const name of names.slice(0, 8)) expect(text).toContain(`"'${name}"`)
    expect(text).toContain('"a""b"')
    expect(text).toContain('"two\nlines"')
    expect(text).toContain('"plain"')
    expect(text.startsWith('id,ts,type,outcome,')).toBe(true)
  })

  test('JSON lines have one event for each line', async () => {
    const ask = await make([event({ target: 'a\nb' }), event()])
    const response = await ask('', auth('ada'), 'application/x-ndjson')
    const lines = (await response.text()).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).subject_id)).toEqual(['ada', 'ada'])
  })

  test.each([
    ['?nothing=1', 'nothing'],
    ['?limit=0', 'limit'],
    ['?limit=201', 'limit'],
    ['?limit=1.5', 'limit'],
    ['?limit=5&limit=6', 'twice'],
    ['?from=yesterday', 'from'],
    ['?to=2026-13-01', 'to'],
    ['?cursor=abc', 'cursor'],
    ['?tool=', 'tool'],
    [`?tool=${'x'.repeat(3000)}`, 'tool'],
  ])('says what is wrong with %s', async (query, word) => {
    const ask = await make([])
    const response = await ask(query)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      error: 'invalid_request',
      error_description: expect.stringContaining(word),
    })
  })
})

test('without a token that names a user it answers 401, to other methods 405, and to other types 406', async () => {
  const handler = history({ store: memoryAudit() })
  const ask = (init: RequestInit, who?: AuthInfo) =>
    handler(new Request('https://mcp.example.com/history', init), who === undefined ? {} : { auth: who })
  expect((await ask({})).status).toBe(401)
  expect((await ask({}, auth(''))).status).toBe(401)
  expect((await ask({ method: 'POST' }, auth('ada'))).status).toBe(405)
  expect((await ask({ headers: { Accept: 'image/png' } }, auth('ada'))).status).toBe(406)
})

test('a store that fails is 503, and its words are in the log alone', async () => {
  const error = vi.fn()
  const handler = history({
    store: {
      read: async () => {
        throw new Error('password authentication failed for user "app"')
      },
    },
  })
  const logger = { debug() {}, info() {}, warn() {}, error }
  const response = await handler(new Request('https://mcp.example.com/history'), { auth: auth('ada'), logger })
  expect(response.status).toBe(503)
  expect(await response.text()).not.toContain('password')
  expect(error).toHaveBeenCalledOnce()
})

test.each([[{}], [{ store: {} }], [{ store: memoryAudit(), policy: 'admins' }]])(
  'wrong options fail at construction',
  (options) => {
    expect(() => history(options as never)).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
  },
)
