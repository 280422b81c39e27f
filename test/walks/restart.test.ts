import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createPerson } from '../clients/person.js'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import { hasBinary } from '../servers/binary.js'
import { startRedis } from '../servers/redis.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

beforeAll(() => buildExample('express'), 170_000)

const ada = createPerson({ name: 'ada' })

/** Logs in, kills the example, starts it again at the same address, and calls a tool with the token of before. */
async function surviveRestart(env: Record<string, string>, storage: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'restart-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const first = await startExample('express', { ...env, INIT_CWD: folder })
  expect(first.banner).toContain(storage)
  const { exchanges } = await connectSdkV2(`${first.url}/everything/mcp`, ada.authorize)
  const authorization = exchanges.map(({ authorization }) => authorization).find(Boolean) ?? ''
  first.kill('SIGKILL')
  await first.ended

  const second = await startExample('express', { ...env, INIT_CWD: folder, PORT: new URL(first.url).port })
  const initialize = (token: string) =>
    fetch(`${second.url}/everything/mcp`, {
      method: 'POST',
      headers: {
        Authorization: token,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'walk', version: '1.0.0' } },
      }),
    })
  const [, payload = ''] = authorization.split('.')
  expect((await initialize(authorization)).status).toBe(200)
  expect((await initialize(authorization.replace(payload, `${payload}x`))).status).toBe(401)
}

test('keeps keys and logins over a crash, in a file by default', () => surviveRestart({}, 'SQLite in '))

test.runIf(hasBinary('redis-server'))('keeps keys and logins over a crash, in Redis', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  await surviveRestart({ REDIS_URL: redis.url }, `Redis at 127.0.0.1:${redis.port}`)
})
