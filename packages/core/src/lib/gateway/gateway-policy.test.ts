import { http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Policy } from '../contract/policy.js'
import type { RequestRecord } from '../contract/request-record.js'
import { toolSets } from '../policy/tool-sets.js'
import { proxy } from '../proxy/proxy.js'
import { fakeIssuer } from '../testing/fake-issuer.js'
import { fakeMcpServer } from '../testing/fake-mcp-server.js'
import { mcpAnswer, mcpRequest } from '../testing/mcp-request.js'
import { createGateway } from './create-gateway.js'
import type { ServerOptions } from './gateway-options.js'

const url = 'https://mcp.example.com'
const resource = `${url}/notes/mcp`
const rules = toolSets({ viewing: { requiredRole: 'mcp-viewer', tools: ['read_*'] } })

const issuer = fakeIssuer({ issuer: 'https://login.example.com' })
const upstream = fakeMcpServer({ tools: { read_note: () => 'a note', drop_note: () => 'gone' } })
const server = setupServer(...issuer.handlers(http), ...upstream.handlers(http))

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterAll(() => server.close())

function start(policy: ServerOptions['policy']) {
  const records: RequestRecord[] = []
  const lines: string[] = []
  const note = (fields: object) => lines.push(JSON.stringify(fields))
  const gateway = createGateway({
    url,
    auth: { issuer: issuer.issuer },
    servers: { '/notes/mcp': { server: proxy(upstream.url), policy } },
    observe: (record) => records.push(record),
    logger: { debug: () => {}, info: note, warn: note, error: note },
  })
  return { gateway, records, lines }
}

const token = (roles: string[]) => issuer.token({ resource, claims: { roles } })

test.each(['legacy', 'modern'] as const)('a server is ruled by its policy, on list and call: %s', async (era) => {
  const { gateway, records, lines } = start(rules)
  const viewer = await token(['mcp-viewer'])
  const send = async (method: string, params?: object, by = viewer) =>
    mcpAnswer(await gateway.fetch(mcpRequest({ url: resource, token: by, method, params: params as never, era })))
  expect((await send('tools/list')).result).toMatchObject({ tools: [{ name: 'read_note' }] })
  expect((await send('tools/call', { name: 'read_note' })).result).toMatchObject({ content: [{ text: 'a note' }] })
  expect(records.at(-1)).toMatchObject({ decision: 'allow', policies: ['toolSets:viewing'] })
  expect((await send('tools/call', { name: 'drop_note' })).error).toMatchObject({ message: 'Unknown tool: drop_note' })
  expect(records.at(-1)).toMatchObject({ decision: 'deny', refusal: { by: 'policy' }, status: 200 })
  expect(lines.at(-1)).toContain('"refused_by":"policy"')
  expect((await send('tools/list', {}, await token(['mcp-admin']))).result).toMatchObject({ tools: { length: 2 } })
})

test('options of the policy go beside its rules, and its check is asked by /ready', async () => {
  const failing: Policy = Object.assign(() => ({ allow: false as const, reason: 'x' }), {
    check: () => Promise.reject(new Error('down')),
  })
  const { gateway } = start({ rules: failing, refusals: 'error' })
  const request = mcpRequest({
    url: resource,
    token: await token([]),
    method: 'tools/call',
    params: { name: 'read_note' },
  })
  expect((await mcpAnswer(await gateway.fetch(request))).error?.code).toBe(-31403)
  const ready = await gateway.fetch(new Request(`${url}/ready`))
  expect(ready.status).toBe(503)
  expect(await ready.text()).toContain('policy of /notes/mcp')
})

test.each([
  ['policy', { rules: 'everything' }],
  ['refusals', { rules, refusals: 'never' }],
  ['policy', 'everything'],
])('a wrong %s fails at construction', (name, policy) => {
  expect(() => start(policy as never)).toThrow(name)
})
