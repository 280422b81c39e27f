import { beforeAll, describe, expect, test } from 'vitest'
import { connectMcpRemote } from '../clients/mcp-remote.js'
import { createPerson, type Outcome } from '../clients/person.js'
import { connectSdkV1 } from '../clients/sdk-v1.js'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import type { Exchange, WalkClient } from '../clients/walk-client.js'
import { buildExample } from './build-examples.js'
import { type ExampleName, startExample } from './example-process.js'
import { descendants, survivors } from './processes.js'

const ada = createPerson({ name: 'ada' })

/**
 * The whole way of a person with a client: refused, told where to log in, registered, logged in, asked for consent,
 * connected, and everything that a session can do, until its end.
 */
export function walks(name: ExampleName): void {
  beforeAll(() => buildExample(name), 300_000)

  describe(`examples/${name}`, () => {
    test.each([
      ['SDK v2', connectSdkV2],
      ['SDK v1', connectSdkV1],
    ] as const)('lets a client made with %s in by its login and serves a whole session', async (_, connect) => {
      const example = await startExample(name)
      const { client, exchanges, outcome } = await connect(`${example.url}/everything/mcp`, ada.authorize)
      expectDiscovery(exchanges, example.url)
      expectAuthorization(exchanges, outcome, example.url)
      await useSession(client)

      const servers = descendants(example.pid, 'server-everything')
      expect(servers).toHaveLength(1)
      await client.close()
      expect(exchanges.at(-1)).toMatchObject({ method: 'DELETE', status: 204 })
      expect(await survivors(servers, 10)).toEqual([])
    })

    test('lets a client in that asks for the modern era first', async () => {
      const example = await startExample(name)
      const url = `${example.url}/everything/mcp`
      const { client, exchanges, outcome } = await connectSdkV2(url, ada.authorize, 'auto')
      expect(exchanges[0]?.requestBody).toContain('server/discover')
      expectDiscovery(exchanges, example.url)
      expectAuthorization(exchanges, outcome, example.url)
      await useSession(client)
      await client.close()
    })

    test('lets mcp-remote in by its login and serves a whole session', async () => {
      const example = await startExample(name)
      const { client, outcome, log } = await connectMcpRemote(`${example.url}/everything/mcp`, ada.authorize)
      const title = `Sign in to ${new URL(example.url).host}/everything/mcp`
      expect(outcome?.pages).toEqual([title, title])
      expect(log()).toContain(`Discovered authorization server: ${example.url}`)
      await useSession(client)
      // It leaves without a DELETE, so its session waits for the idle timeout.
      await client.close()
    })
  })
}

async function useSession(client: WalkClient): Promise<void> {
  expect(client.serverName).toBe('mcp-servers/everything')
  expect(await client.listTools()).toEqual(expect.arrayContaining(['echo', 'trigger-elicitation-request']))
  expect(await client.callTool('echo', { message: 'hello' })).toBe('Echo: hello')

  // Had the stream been held back until its end, the question would never have come
  expect(await client.callTool('trigger-elicitation-request')).toContain('Ada Lovelace')
  expect(client.questions).toEqual(['Please provide inputs for the following fields:'])

  const steps: number[] = []
  const work = { duration: 0.6, steps: 3 }
  const result = client.callTool('trigger-long-running-operation', work, (progress) => void steps.push(progress))
  expect(await result).toContain('Steps: 3')
  expect(steps).toEqual([1, 2, 3])
}

function expectDiscovery(exchanges: readonly Exchange[], url: string): void {
  const challenge = exchanges[0]
  expect(challenge).toMatchObject({ method: 'POST', status: 401 })
  const metadata = `${url}/.well-known/oauth-protected-resource/everything/mcp`
  expect(challenge?.responseHeaders.get('www-authenticate')).toContain(`resource_metadata="${metadata}"`)
  expect(found(exchanges, metadata)).toMatchObject({ method: 'GET', status: 200 })
  expect(found(exchanges, `${url}/.well-known/oauth-authorization-server`)).toMatchObject({
    method: 'GET',
    status: 200,
  })
}

function expectAuthorization(exchanges: readonly Exchange[], outcome: Outcome | undefined, url: string): void {
  const registration = exchanges.find(({ requestBody }) => requestBody.includes('redirect_uris'))
  expect(registration).toMatchObject({ method: 'POST', status: 201 })

  const title = `Sign in to ${new URL(url).host}/everything/mcp`
  expect(outcome?.pages).toEqual([title, title])
  expect(outcome?.callback.searchParams.get('iss')).toBe(url)
  expect(outcome?.callback.searchParams.get('code')).toBeTruthy()

  const token = exchanges.find(({ requestBody }) => requestBody.includes('grant_type=authorization_code'))
  expect(token).toMatchObject({ method: 'POST', status: 200 })
  const sent = new URLSearchParams(token?.requestBody)
  expect(sent.get('code_verifier')).toBeTruthy()
  expect(sent.get('resource')).toBe(`${url}/everything/mcp`)
}

function found(exchanges: readonly Exchange[], url: string): Exchange | undefined {
  return exchanges.find((exchange) => exchange.url.href === url)
}
