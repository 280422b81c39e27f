import { createRequire } from 'node:module'
import { beforeAll, expect, test } from 'vitest'
import { connectClaudeLike } from '../clients/claude-like.js'
import { createPerson } from '../clients/person.js'
import { connectSdkV1 } from '../clients/sdk-v1.js'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import type { Authorize } from '../clients/walk-client.js'
import { fixture } from '../fixtures/bridge-client.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

beforeAll(() => buildExample('express'), 300_000)

const everything = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js')
const ada = createPerson({ name: 'ada' })
const clients = [
  ['SDK v1', connectSdkV1],
  ['SDK v2, legacy', (url: string, authorize: Authorize) => connectSdkV2(url, authorize, 'legacy')],
  ['SDK v2, auto', (url: string, authorize: Authorize) => connectSdkV2(url, authorize, 'auto')],
  ['SDK v2, modern', (url: string, authorize: Authorize) => connectSdkV2(url, authorize, 'modern')],
  ['Claude-like, legacy', (url: string) => connectClaudeLike(url, 'legacy')],
  ['Claude-like, modern', (url: string) => connectClaudeLike(url, 'modern')],
] as const

test.each([
  [
    'server-everything, which is legacy',
    `${everything} stdio`,
    { name: 'mcp-servers/everything', elicit: 'trigger-elicitation-request', sample: 'trigger-sampling-request' },
  ],
  [
    'a modern server',
    fixture('modern-server.mjs'),
    { name: 'modern-fixture', elicit: 'test_elicitation', sample: 'test_sampling' },
  ],
])('clients of every era run the tools of %s that ask, to the end', async (_, server, { name, elicit, sample }) => {
  const { url } = await startExample('express', { AUTH: 'off', MCP_COMMAND: `node ${server}` })
  for (const [title, connect] of clients) {
    const { client } = await connect(`${url}/mcp`, ada.authorize)
    expect(client.serverName, title).toBe(name)
    expect(await client.listTools(), title).toEqual(expect.arrayContaining([elicit, sample]))
    expect(await client.callTool(elicit, { message: 'Who?' }), title).toContain('Ada Lovelace')
    expect(client.questions, title).toHaveLength(1)
    expect(await client.callTool(sample, { prompt: 'What is it?', maxTokens: 9 }), title).toContain('forty-two')
    await client.close()
  }
})
