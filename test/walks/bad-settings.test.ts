import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { buildExample } from './build-examples.js'
import { type Ended, runExample } from './example-process.js'

beforeAll(async () => {
  await buildExample('express')
  await buildExample('next')
}, 300_000)

function expectOneMessage({ code, output }: Ended, message: RegExp): void {
  expect(output.trim()).toMatch(message)
  expect(output.trim().split('\n')).toHaveLength(1)
  expect(code).toBe(1)
}

describe.each(['express', 'next'] as const)('examples/%s', (name) => {
  test.each([
    [{ PORT: 'http' }, /^PORT=http has to be a number/],
    [{ PUBLIC_URL: 'http://127.0.0.1:8787/' }, /^PUBLIC_URL=\S+ has to be an origin/],
    [{ AUTH: 'off', PUBLIC_URL: 'https://mcp.example.com' }, /^AUTH=off is for loopback/],
  ])('ends with one message when started with %o', async (env, message) => {
    expectOneMessage(await runExample(name, env), message)
  })

  test('ends with one message when its port is in use', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    expectOneMessage(await runExample(name, { PORT: String(port) }), /^PORT=\d+ is in use\. .*another port/)
  })

  test.each([
    [{ PUBLIC_URL: 'https://mcp.example.com' }, /devLogin/],
    [{ MCP_COMMAND: 'no-such-program --flag' }, /^MCP_COMMAND: there is no program no-such-program/],
    [{ MCP_COMMAND: './package.json' }, /^MCP_COMMAND: there is no program/],
    [{ REDIS_URL: 'redis://:secret@127.0.0.1:1' }, /^REDIS_URL: no Redis answers at 127\.0\.0\.1:1 (?!.*secret)/],
  ])('ends with one message when %o does not fit the world', async (env, message) => {
    const { code, output } = await runExample(name, env)
    const last = output.trim().split('\n').at(-1)
    expect(last).toMatch(message)
    expect(output).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
  })
})
