import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createPerson } from '../clients/person.js'
import { initialize } from '../clients/plain-client.js'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import { hasBinary } from '../servers/binary.js'
import { startRedis } from '../servers/redis.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

beforeAll(() => buildExample('express'), 300_000)

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
  const token = authorization.replace('Bearer ', '')
  const [, payload = ''] = token.split('.')
  expect(await initialize(second.url, token)).toBe(200)
  expect(await initialize(second.url, token.replace(payload, `${payload}x`))).toBe(401)
}

test('keeps keys and logins over a crash, in a file by default', () => surviveRestart({}, 'SQLite in '))

test.runIf(hasBinary('redis-server'))('keeps keys and logins over a crash, in Redis', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  await surviveRestart({ REDIS_URL: redis.url }, `Redis at 127.0.0.1:${redis.port}`)
})
