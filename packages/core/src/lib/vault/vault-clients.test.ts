import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { replica, type Servers, startServers, url } from '../../../test/vault-world.js'

let servers: Servers
beforeAll(async () => {
  servers = await startServers()
})
beforeEach(() => {
  // The provider tells that it runs with its defaults for development, which it does
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})
afterAll(() => servers.close())

/** The MCP SDK's client, of a user whose browser opens what it is asked to open. */
async function connectClient(world: ReturnType<typeof replica>, mode: 'auto' | 'legacy') {
  const opened: string[] = []
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: { elicitation: { url: {} } }, versionNegotiation: { mode } },
  )
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    if (params.mode !== 'url') throw new Error('not asked for a URL')
    opened.push(params.url)
    const person = world.browser('alice')
    await person.submit(await person.open(params.url))
    return { action: 'accept' }
  })
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/wiki`), {
    fetch: (input, init) => world.gateway.fetch(new Request(input, init)),
    requestInit: { headers: { Authorization: 'Bearer token-of-alice' } },
  })
  await client.connect(transport)
  return { client, opened }
}

const whoami = { name: 'whoami', arguments: {} }

test('a modern SDK client opens the page in the middle of a call, and the call goes on', async () => {
  const world = replica(servers)
  await world.connect('alice')
  const { client, opened } = await connectClient(world, 'auto')
  await servers.wiki.takeBack('alice-at-wiki')
  const { content } = await client.callTool(whoami)
  expect(opened).toEqual([`${url}/connect/wiki`])
  expect(content).toMatchObject([{ text: 'alice-at-wiki' }])
  await client.close()
})

test('a legacy SDK client gets the error that it knows as a URL elicitation', async () => {
  const world = replica(servers)
  await world.connect('alice')
  const { client } = await connectClient(world, 'legacy')
  await servers.wiki.takeBack('alice-at-wiki')
  await expect(client.callTool(whoami)).rejects.toMatchObject({
    code: -32042,
    elicitations: [{ mode: 'url', url: `${url}/connect/wiki` }],
  })
  await client.close()
})

test('a client that cannot even begin reads in the error where to go', async () => {
  const world = replica(servers)
  await expect(connectClient(world, 'legacy')).rejects.toThrow(`${url}/connect/wiki`)
})
