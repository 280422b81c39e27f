import { expect, test } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import type { Context, Handler } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { respond } from '../http/respond.js'
import { type MessageOptions, message } from './message-middleware.js'
import { UnderWay } from './under-way.js'

const of = (subject: string | undefined, clientId = 'app'): Context => ({
  auth: { token: 't', clientId, scopes: [], extra: { issuer: 'https://a.example', subject } } as unknown as AuthInfo,
})
const call = (id: number, filling = '') =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"x","a":"${filling}"}}`

/** Requests that wait until they are told to end. */
function waiting(
  options: MessageOptions,
  make: () => Response = () => respond('{"jsonrpc":"2.0","id":1,"result":{}}'),
) {
  const ends: (() => void)[] = []
  const handler: Handler = compose([message(options)], async () => {
    await new Promise<void>((resolve) => ends.push(resolve))
    return make()
  })
  const send = (context: Context, body: BodyInit = call(1), headers: Record<string, string> = {}) =>
    Promise.resolve(
      handler(
        new Request('https://mcp.example.com/', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', ...headers },
          body,
          duplex: 'half',
        } as RequestInit),
        context,
      ),
    )
  const arrived = async (count: number) => {
    while (ends.length < count) await new Promise((resolve) => setImmediate(resolve))
  }
  const end = (count = ends.length) => {
    for (const one of ends.splice(0, count)) one()
  }
  return { send, arrived, end }
}

test('a user with too many requests under way gets 429 and when to come back; others do not notice [finding 10]', async () => {
  const { send, arrived, end } = waiting({ maxConcurrent: 2 })
  const first = [send(of('ann')), send(of('ann'))]
  await arrived(2)
  const refused = await send(of('ann'))
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
  expect(await refused.json()).toMatchObject({ jsonrpc: '2.0', id: 1, error: { code: -31429 } })
  const other = send(of('bob'))
  await arrived(3)
  end()
  expect((await Promise.all([...first, other])).map(({ status }) => status)).toEqual([200, 200, 200])
  const again = send(of('ann'))
  await arrived(1)
  end()
  expect((await again).status).toBe(200)
})

test('bytes that one user sends at a time are bounded, also while they arrive [finding 10]', async () => {
  const { send, arrived, end } = waiting({ maxConcurrentBytes: 3000 })
  const held = send(of('ann'), call(1, 'x'.repeat(2000)))
  await arrived(1)
  expect((await send(of('ann'), call(2, 'x'.repeat(2000)))).status).toBe(429)
  expect((await send(of('ann'), '{')).status).toBe(400)
  const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(100)) })
  expect((await send(of('ann'), endless)).status).toBe(429)
  const small = send(of('ann'))
  await arrived(2)
  end()
  await Promise.all([held, small])
  const large = send(of('ann'), call(3, 'x'.repeat(10_000)))
  await arrived(1)
  end()
  expect((await large).status).toBe(200)
})

test('a stream counts until it has ended or its client went away [finding 10]', async () => {
  let close = () => {}
  const { send, arrived, end } = waiting({ maxConcurrent: 1 }, () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        close = () => controller.close()
      },
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  })
  const open = async () => {
    const response = send(of('ann'))
    await arrived(1)
    end()
    return response
  }
  const first = await open()
  expect((await send(of('ann'))).status).toBe(429)
  close()
  await first.text()
  const second = await open()
  expect((await send(of('ann'))).status).toBe(429)
  await second.body?.cancel()
  expect((await open()).status).toBe(200)
})

test('who has as many requests under way as there may be can still answer the server and cancel [finding 10]', async () => {
  const { send, arrived, end } = waiting({ maxConcurrent: 1 }, () => new Response(null, { status: 202 }))
  const held = send(of('ann'))
  await arrived(1)
  const passing = [
    send(of('ann'), '{"jsonrpc":"2.0","id":1,"result":{}}'),
    send(of('ann'), '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}'),
    send(of('ann'), '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'),
  ]
  await arrived(4)
  for (const body of [call(2), '{"jsonrpc":"2.0","method":"notifications/progress"}', `[${call(1)}]`]) {
    expect((await send(of('ann'), body)).status).toBe(429)
  }
  // Such a message is bounded too
  const more = Array.from({ length: 13 }, () => send(of('ann'), '{"jsonrpc":"2.0","id":1,"result":{}}'))
  await arrived(17)
  expect((await send(of('ann'), '{"jsonrpc":"2.0","id":1,"result":{}}')).status).toBe(429)
  end()
  expect((await Promise.all([held, ...passing, ...more])).every(({ status }) => status === 202)).toBe(true)
})

test('users of the same name by several issuers are several, whoever of them ends first [finding 10]', () => {
  const by = (issuer: unknown, subject?: string): Context => ({
    auth: { token: 't', clientId: 'ann', scopes: [], extra: { issuer, subject } } as unknown as AuthInfo,
  })
  const users = [by('https://a.example', 'ann'), by('https://b.example', 'ann'), by('https://a.example'), by(7, 'ann')]
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
  ]) {
    const underWay = new UnderWay({ maxConcurrent: 1, maxConcurrentBytes: 10 })
    const counted = users.map((user) => underWay.enter(user))
    expect(counted.every((one) => one !== undefined)).toBe(true)
    expect(underWay.size).toBe(4)
    for (const [ended, index] of order.entries()) {
      expect(underWay.enter(users[index] as Context)).toBeUndefined()
      counted[index]?.end()
      counted[index]?.end()
      expect(underWay.size).toBe(3 - ended)
    }
  }
})

test('a request that is ended twice takes nothing from those that came meanwhile [finding 10]', () => {
  const underWay = new UnderWay({ maxConcurrent: 1, maxConcurrentBytes: 10 })
  const first = underWay.enter(of('ann'))
  first?.end()
  const second = underWay.enter(of('ann'))
  first?.end()
  expect(underWay.enter(of('ann'))).toBeUndefined()
  second?.end()
  expect(underWay.size).toBe(0)
})

test('each message of a batch counts [finding 10]', async () => {
  const { send, arrived, end } = waiting({ maxConcurrent: 3 })
  const batch = send(of('ann'), `[${call(1)},${call(2)}]`)
  await arrived(2)
  expect((await send(of('ann'), `[${call(1)},${call(2)}]`)).status).toBe(429)
  const single = send(of('ann'))
  await arrived(3)
  end()
  expect([(await batch).status, (await single).status]).toEqual([200, 200])
})

test('a request that fails or is refused counts no longer [finding 10]', async () => {
  const failing = compose([message({ maxConcurrent: 1 })], () => {
    throw new Error('broken')
  })
  const send = (body: string) =>
    failing(
      new Request('https://mcp.example.com/', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
      }),
      of('ann'),
    )
  for (let turn = 0; turn < 3; turn++) {
    await expect(send(call(1))).rejects.toThrow('broken')
    expect(((await send('{')) as Response).status).toBe(400)
  }
})

test('users are told apart by subject, else by client, else by network, and forgotten afterwards [finding 10]', () => {
  const underWay = new UnderWay({ maxConcurrent: 1, maxConcurrentBytes: 10 })
  const at = (address: string): Context => ({ client: { address } })
  const distinct = [of('ann'), of(undefined, 'app'), of(undefined, 'ann'), at('192.0.2.1'), at('2001:db8:0:1::1'), {}]
  const counted = distinct.map((context) => underWay.enter(context))
  expect(counted.every((one) => one !== undefined)).toBe(true)
  expect(underWay.enter(of('ann', 'other app'))).toBeUndefined()
  expect(underWay.enter(at('2001:db8:0:1::2'))).toBeUndefined()
  for (const one of counted) {
    one?.end()
    one?.end()
  }
  expect(underWay.size).toBe(0)
})
