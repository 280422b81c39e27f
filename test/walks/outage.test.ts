import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { initialize, readJson, registerClient, type Tokens } from '../clients/plain-client.js'
import { hasBinary } from '../servers/binary.js'
import { startRedis } from '../servers/redis.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

beforeAll(() => buildExample('express'), 300_000)

test.runIf(hasBinary('redis-server'))(
  'answers 503 while Redis is down, and then honours every code and token of before [attack 159]',
  async () => {
    const redis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
    onTestFinished(() => redis.stop())
    const { url } = await startExample('express', { REDIS_URL: redis.url })
    const client = await registerClient(url)
    const tokens = await readJson<Tokens>(await client.redeem(url, await client.logIn()), 200)
    const code = await client.logIn()

    await redis.kill()
    const refused = await Promise.all([
      client.redeem(url, code),
      client.refresh(url, tokens.refresh_token),
      client.post(`${url}/revoke`, { token: tokens.refresh_token }),
    ])
    for (const response of refused) {
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
      expect(await readJson(response, 503)).toMatchObject({ error: 'temporarily_unavailable' })
    }

    await redis.restart()
    await expect
      .poll(async () => (await client.refresh(url, tokens.refresh_token)).status, { timeout: 10_000 })
      .toBe(200)
    const late = await readJson<Tokens>(await client.redeem(url, code), 200)
    expect(await initialize(url, late.access_token)).toBe(200)
  },
)
