import { once } from 'node:events'
import { createServer, request as sendRequest } from 'node:http'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../scripts/free-port.mjs'
import { initialize, readJson, registerClient, type Tokens } from '../clients/plain-client.js'
import { hasBinary } from '../servers/binary.js'
import { startRedis } from '../servers/redis.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

beforeAll(() => buildExample('express'), 300_000)

test.runIf(hasBinary('redis-server'))(
  'shares clients, codes, tokens and revocations between two gateways on one Redis [attack 35]',
  async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const ports = [await freePort(), await freePort()]
    const url = await startBalancer(ports)
    for (const port of ports) {
      await startExample('express', { REDIS_URL: redis.url, PUBLIC_URL: url, PORT: `${port}` })
    }
    const [one, two] = ports.map((port) => `http://127.0.0.1:${port}`) as [string, string]
    const client = await registerClient(url)

    // Each request of the login goes to the other gateway than the one before.
    const tokens = await readJson<Tokens>(await client.redeem(one, await client.logIn()), 200)
    expect(await initialize(two, tokens.access_token)).toBe(200)
    const renewed = await readJson<Tokens>(await client.refresh(two, tokens.refresh_token), 200)
    const revoked = await client.post(`${two}/revoke`, { token: renewed.refresh_token })
    expect(revoked.status).toBe(200)
    expect(await readJson(await client.refresh(one, renewed.refresh_token), 400)).toMatchObject({
      error: 'invalid_grant',
    })
    expect(await initialize(one, renewed.access_token)).toBe(401)

    const code = await client.logIn()
    const exchanges = Array.from({ length: 50 }, (_, index) => client.redeem(index % 2 ? one : two, code))
    const statuses = (await Promise.all(exchanges)).map(({ status }) => status).sort()
    expect(statuses).toEqual([200, ...Array.from({ length: 49 }, () => 400)])
  },
)

/** Sends each request to the next of the ports. */
async function startBalancer(ports: readonly number[]): Promise<string> {
  let next = 0
  const server = createServer((request, response) => {
    const { method, url: path, headers } = request
    const port = ports[next++ % ports.length]
    const onward = sendRequest({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}
