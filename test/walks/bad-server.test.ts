import { createRequire } from 'node:module'
import { beforeAll, expect, test } from 'vitest'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

beforeAll(() => buildExample('express'), 300_000)

const nobody = () => Promise.reject(new Error('No login was expected'))

const initialize = (url: string) =>
  fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'walk', version: '1.0.0' } },
    }),
  })

test.each([
  ['dies at its start', 'process.exit(3)'],
  ['prints rubbish and ends', 'console.log("Welcome!")'],
  ['prints JSON that is no message and ends', 'console.log("[1, 2]\\n{}")'],
])('answers 502 for a stdio server that %s, and goes on serving', async (_, script) => {
  const example = await startExample('express', { AUTH: 'off', MCP_COMMAND: `node -e '${script}'` })
  const response = await initialize(example.url)
  const body = await response.text()
  expect(response.status).toBe(502)
  expect(JSON.parse(body)).toMatchObject({
    jsonrpc: '2.0',
    id: 1,
    error: { message: expect.stringContaining('started') },
  })
  expect(body).not.toMatch(/\bat .*:\d+|Welcome/)
  expect((await fetch(`${example.url}/health`)).status).toBe(200)
})

test('tells the operator, and nobody else, what a stdio server said before it died', async () => {
  const script = 'console.error("cannot find my settings"); process.exit(3)'
  const example = await startExample('express', { AUTH: 'off', MCP_COMMAND: `node -e '${script}'` })
  expect(await (await initialize(example.url)).text()).not.toContain('cannot find my settings')
  expect(example.output()).toMatch(/"level":"warn".*cannot find my settings.*"exitCode":3/)
})

test('serves a stdio server that prints a greeting before it speaks MCP', async () => {
  const server = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js')
  const script = `console.log("Welcome!"); import(${JSON.stringify(server)})`
  const example = await startExample('express', { AUTH: 'off', MCP_COMMAND: `node -e '${script}'` })
  const { client } = await connectSdkV2(`${example.url}/mcp`, nobody)
  expect(await client.callTool('echo', { message: 'hello' })).toBe('Echo: hello')
  await client.close()
})

test('serves without tokens on loopback, but not to another host name or page', async () => {
  const example = await startExample('express', { AUTH: 'off' })
  const { client, exchanges } = await connectSdkV2(`${example.url}/everything/mcp`, nobody)
  expect(await client.listTools()).toContain('echo')
  await client.close()
  expect(exchanges.every(({ status }) => status < 400 || status === 405)).toBe(true)
  const foreign = await fetch(`${example.url}/everything/mcp`, {
    method: 'POST',
    headers: { Origin: 'https://evil.example', 'Content-Type': 'application/json' },
    body: '{}',
  })
  expect(foreign.status).toBe(403)
})
