import { getRequestListener } from '@hono/node-server'
import { createForwardAuth, type ForwardAuth } from '@mcp-gateway/forward-auth'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestIssuer } from './issuer.js'
import { proxies } from './proxies.js'
import { type Rig, startRig } from './rig.js'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** As the documentation of Hono shows it: from here on, `Response` and `Request` are classes of its adapter. */
function byHono(forwardAuth: ForwardAuth) {
  const { Response: before } = globalThis
  const app = new Hono()
  app.all('*', (c) => forwardAuth.fetch(c.req.raw))
  const listener = getRequestListener(app.fetch)
  if (globalThis.Response === before && !seen.has(before)) throw new Error('Hono replaced nothing')
  seen.add(globalThis.Response)
  return listener
}
const seen = new Set<unknown>()

// `ext-authz` needs the raw target, which Hono does not give to `fetch`
describe.each(proxies.filter(({ dialect }) => dialect !== 'ext-authz'))('forward-auth on Hono behind $name', (kind) => {
  const issuer = createTestIssuer()
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig(
      kind,
      (url) =>
        createForwardAuth({
          url,
          auth: issuer.authority,
          dialect: kind.dialect,
          servers: {
            '/notes/mcp': { requiredScopes: ['mcp'] },
            '/files/mcp': { policy: () => ({ allow: false, reason: 'no' }), olderRevisions: 'whole-server' },
          },
          logger: silent,
        }),
      undefined,
      byHono,
    )
  })
  afterAll(() => rig?.stop())

  test('refuses what has no good token, and lets in what has one [finding 1]', async () => {
    const token = (path: string, claims = {}) => issuer.token(`${rig.url}${path}`, claims)
    const status = async (target: string, value?: string, more: readonly (readonly [string, string])[] = []) => {
      const headers = value === undefined ? more : [...more, ['Authorization', `Bearer ${value}`] as const]
      const answer = await rig.send({ target, headers })
      if (answer.status === 0) throw new Error(`The proxy closed the connection: ${rig.log()}`)
      return answer.status
    }
    expect(await status('/notes/mcp')).toBe(401)
    expect(await status('/notes/mcp', 'x.y.z')).toBe(401)
    expect(await status('/notes/mcp', await token('/files/mcp'))).toBe(403)
    expect(await status('/notes/mcp', await token('/notes/mcp', { scope: 'other' }))).toBe(403)
    expect(await status('/notes/mcp', await token('/notes/mcp'), [['Origin', 'https://evil.test']])).toBe(403)
    expect(await status('/files/mcp', await token('/files/mcp'))).toBe(403)
    expect(await status('/nowhere', await token('/notes/mcp'))).toBe(401)
    expect([rig.notes.seen, rig.files?.seen]).toEqual([[], []])
    expect(await status('/notes/mcp', await token('/notes/mcp'))).toBe(200)
    expect(rig.notes.seen).toMatchObject([{ url: '/notes/mcp', headers: { 'x-user-id': ['alice'] } }])
  })
})
