import { expect, test } from 'vitest'
import {
  answerOf,
  authorizePath,
  form,
  issuer,
  obtainCode,
  obtainTokens,
  register,
  setUp,
} from '../../../test/fixture.js'
import { createResources } from './resources.js'

const notes = 'https://mcp.example.com/notes/mcp'
const files = 'https://mcp.example.com/files/mcp'

test.each([
  [notes, `${notes}/`],
  [`${notes}/`, notes],
  [notes, 'HTTPS://MCP.example.com/notes/mcp/'],
  [notes, 'https://mcp.example.com:443/notes/mcp'],
  ['https://mcp.example.com:443/notes/mcp', notes],
  ['http://127.0.0.1/mcp', 'http://127.0.0.1:80/mcp/'],
  [`${notes}?tenant=1`, 'https://mcp.example.com/notes/mcp/?tenant=1'],
  ['https://mcp.example.com', 'https://mcp.example.com/'],
  ['https://mcp.example.com/', 'https://mcp.example.com'],
])('%s is meant by %s [attack 25, R6]', (configured, asked) => {
  expect(createResources([configured, files]).canonical(asked)).toBe(configured)
})

test.each([
  `${notes}//`,
  'https://mcp.example.com//notes/mcp',
  'https://mcp.example.com/notes//mcp',
  `${notes}/.`,
  `${notes}/%2F`,
  'https://mcp.example.com/notes/MCP',
  'https://mcp.example.com/Notes/mcp/',
  'https://mcp.example.com:8443/notes/mcp',
  'http://mcp.example.com:443/notes/mcp',
  'https://mcp.example.com:4430/notes/mcp',
  'https://mcp.example.com/notes',
  `${notes}/more`,
  `${notes}?`,
  `${notes}/?x`,
  `${notes}/#`,
])('%s is no resource [attack 24]', (asked) => {
  expect(createResources([notes, files]).canonical(asked)).toBeUndefined()
})

test('two resources that differ by a slash alone are two, each by its own string', () => {
  const both = createResources([notes, `${notes}/`])
  expect([both.canonical(notes), both.canonical(`${notes}/`)]).toEqual([notes, `${notes}/`])
  expect(both.list()).toEqual([notes, `${notes}/`])
  expect(both.sole).toBeUndefined()
})

test.each([
  ['/notes/mcp', '/notes/mcp/'],
  ['/notes/mcp/', '/notes/mcp'],
])(
  'what is configured as %s can be asked for as %s at every step [attack 43, attack 64]',
  async (configured, asked) => {
    const setup = setUp({ resources: [issuer + configured, `${issuer}/files/mcp`] })
    const { client, exchange } = await obtainCode(setup, undefined, { resource: issuer + asked })
    const tokens = await answerOf(await setup.call('/token', form({ ...exchange, resource: issuer + asked })))
    expect(tokens.status).toBe(200)
    const verified = await setup.server.protect(issuer + configured).verifyAccessToken(tokens.access_token)
    expect(verified.resource?.href).toBe(issuer + configured)
    const refresh = { grant_type: 'refresh_token', client_id: client.client_id as string, resource: issuer + asked }
    const next = await answerOf(await setup.call('/token', form({ ...refresh, refresh_token: tokens.refresh_token })))
    expect(next.status).toBe(200)
  },
)

test('both spellings in one request are one resource, and an approval for it covers both', async () => {
  const setup = setUp({ resources: [`${issuer}/notes/mcp`, `${issuer}/files/mcp`] })
  const client = await register(setup)
  const more = `&resource=${encodeURIComponent(`${issuer}/notes/mcp/`)}`
  const path = authorizePath(client.client_id as string, 'x'.repeat(43), { resource: `${issuer}/notes/mcp` }) + more
  expect((await setup.call(path)).status).toBe(200)
  const other = path.replace('notes%2Fmcp%2F', 'files%2Fmcp%2F')
  expect((await setup.call(other)).status).toBe(400)
  await obtainTokens(setup, client, { resource: `${issuer}/notes/mcp/` })
})
