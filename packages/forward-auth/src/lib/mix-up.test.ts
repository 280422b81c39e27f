import { beforeEach, expect, test } from 'vitest'
import { createForwardAuth } from './create-forward-auth.js'
import type { Dialect } from './dialect.js'

const lines: { level: string; text: string }[] = []
/** Access lines are not what this is about. */
const warnings = () => lines.filter(({ level }) => level !== 'info')
const to = (level: string) => (fields: object, message: string) =>
  void lines.push({ level, text: `${message} ${JSON.stringify(fields)}` })
const logger = { debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') }
beforeEach(() => {
  lines.length = 0
})

/** What each kind of proxy sends where it asks about `GET https://mcp.example.com/notes/mcp`. */
const proxies: Readonly<Record<Dialect, { target: string; headers: Record<string, string> }>> = {
  original: {
    target: '/auth',
    headers: { 'X-Original-Method': 'GET', 'X-Original-URL': 'https://mcp.example.com/notes/mcp' },
  },
  forwarded: {
    target: '/auth?',
    headers: {
      'X-Forwarded-Method': 'GET',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'mcp.example.com',
      'X-Forwarded-Uri': '/notes/mcp',
    },
  },
  'ext-authz': { target: '/auth/notes/mcp', headers: { Host: 'mcp.example.com', 'X-Forwarded-Proto': 'https' } },
}

async function ask(dialect: Dialect, target: string, headers: Record<string, string>, path?: string): Promise<number> {
  const forwardAuth = createForwardAuth({
    url: 'https://mcp.example.com',
    auth: { issuer: 'https://login.example.com' },
    dialect,
    path,
    servers: { '/notes/mcp': {} },
    logger,
  })
  const request = new Request(`http://mcp.example.com${target}`, { headers })
  return (await forwardAuth.handle(request, { target })).status
}

const dialects = Object.keys(proxies) as Dialect[]
const mixUps = dialects.flatMap((ours) =>
  dialects.filter((other) => other !== ours).map((theirs) => [ours, theirs] as const),
)

test.each(mixUps)('the dialect %s with a proxy of %s is refused, and the log names both', async (ours, theirs) => {
  const { target, headers } = proxies[theirs]
  expect(await ask(ours, target, headers)).toBe(401)
  expect(warnings()).toEqual([{ level: 'warn', text: expect.stringContaining(`\\"${theirs}\\"`) }])
})

test.each(dialects)('the dialect %s with its own proxy warns of nothing', async (dialect) => {
  const { target, headers } = proxies[dialect]
  expect(await ask(dialect, target, headers)).toBe(401)
  expect(warnings()).toEqual([])
})

test.each(['original', 'forwarded'] as const)(
  'a proxy of %s that asks at another path is named in the log',
  async (dialect) => {
    const { target, headers } = proxies[dialect]
    expect(await ask(dialect, target, headers, '/verify')).toBe(401)
    expect(warnings()).toEqual([{ level: 'warn', text: expect.stringContaining('another path than /verify') }])
  },
)

test('a proxy that forwards requests for a server here is named in the log', async () => {
  expect(await ask('ext-authz', '/notes/mcp', proxies['ext-authz'].headers)).toBe(401)
  expect(warnings()).toEqual([{ level: 'warn', text: expect.stringContaining('path_prefix') }])
})

test.each(['/', '/nowhere?token=secret', '/authorized', '/auth2', '/.env'])(
  'a stranger who asks for %s writes no warning',
  async (target) => {
    expect(await ask('forwarded', target, {})).toBe(401)
    expect(warnings()).toEqual([])
  },
)
