import { createSocket, type Socket } from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { proxy } from '../proxy/proxy.js'
import { createOutboundFetch } from './create-outbound-fetch.js'
import { resolveName } from './resolve-name.js'

const before = dns.getServers()
const closers: (() => void)[] = []
afterEach(() => {
  dns.setServers(before)
  for (const close of closers.splice(0)) close()
})

const types: Record<number, 'A' | 'AAAA' | undefined> = { 1: 'A', 28: 'AAAA' }
type Records = Partial<Record<'A' | 'AAAA', string[] | 'silent' | 'refused'>>

/** A name server on loopback; what is not in the table is never answered. It is the process's while a test lasts. */
async function nameServer(table: Record<string, Records> = {}): Promise<{ readonly asked: string[] }> {
  const asked: string[] = []
  const socket: Socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const type = types[query.readUInt16BE(at + 1)]
    const name = labels.join('.').toLowerCase()
    asked.push(`${type} ${name}`)
    const records = type === undefined ? undefined : (table[name]?.[type] ?? (name in table ? [] : 'silent'))
    if (records === undefined || records === 'silent') return
    const header = Buffer.from(query.subarray(0, 12))
    header.writeUInt16BE(records === 'refused' ? 0x8185 : 0x8180, 2)
    header.writeUInt16BE(records === 'refused' ? 0 : records.length, 6)
    header.fill(0, 8)
    const answers = (records === 'refused' ? [] : records).map((address) => {
      const data = type === 'A' ? Buffer.from(address.split('.').map(Number)) : Buffer.from(address, 'hex')
      const start = Buffer.from([0xc0, 12, 0, type === 'A' ? 1 : 28, 0, 1, 0, 0, 0, 0, 0, data.length])
      return Buffer.concat([start, data])
    })
    socket.send(Buffer.concat([header, query.subarray(12, at + 5), ...answers]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  closers.push(() => socket.close())
  dns.setServers([`127.0.0.1:${socket.address().port}`])
  return { asked }
}

describe('a name that a stranger gave', () => {
  test('has the addresses of both families', async () => {
    await nameServer({ 'two.test': { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['20010db8000000000000000000000001'] } })
    expect(await resolveName(dns, 'two.test')).toEqual([
      { address: '192.0.2.1', family: 4 },
      { address: '192.0.2.2', family: 4 },
      { address: '2001:db8::1', family: 6 },
    ])
  })

  test.each(['silent', 'refused'] as const)('does with one family where the other is %s', async (other) => {
    await nameServer({ 'one.test': { A: ['192.0.2.1'], AAAA: other } })
    expect(await resolveName(dns, 'one.test')).toEqual([{ address: '192.0.2.1', family: 4 }])
  })

  test('that is not there is an error, and one that is never answered too [finding 7]', async () => {
    await nameServer({ 'none.test': {} })
    await expect(resolveName(dns, 'none.test')).rejects.toMatchObject({ code: 'ENODATA' })
    await expect(resolveName(dns, 'silent.test')).rejects.toMatchObject({
      code: expect.stringMatching(/ECANCELLED|ETIMEOUT/),
    })
  }, 20_000)

  test('is given up when its caller is', async () => {
    await nameServer()
    const controller = new AbortController()
    const resolving = resolveName(dns, 'silent.test', controller.signal)
    controller.abort(new Error('enough'))
    await expect(resolving).rejects.toThrow('enough')
    await expect(resolveName(dns, 'silent.test', AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
  })

  test.each(['localhost', 'LOCALHOST.', 'a.localhost', 'intranet'])(
    'and is %s is asked of nobody [finding 7]',
    async (name) => {
      const { asked } = await nameServer()
      const fetchPublic = createOutboundFetch({ destinations: 'public' })
      await expect(fetchPublic(`https://${name}/client.json`)).rejects.toMatchObject({ code: 'outbound_refused' })
      expect(asked).toEqual([])
    },
  )

  test.each<[string, Records]>([
    ['a private address', { A: ['10.0.0.1'] }],
    ['a private address among public ones', { A: ['93.184.215.14', '169.254.169.254'] }],
    ['an IPv4 address inside an IPv6 one', { AAAA: ['00000000000000000000ffff0a000001'] }],
    ['a public address and loopback in the other family', { A: ['93.184.215.14'], AAAA: [`${'0'.repeat(31)}1`] }],
    ['an address of NAT64', { AAAA: ['0064ff9b00000000000000000a000001'] }],
  ])('and that has %s is refused', async (_, records) => {
    await nameServer({ 'inside.test': records })
    const fetchPublic = createOutboundFetch({ destinations: 'public' })
    await expect(fetchPublic('https://inside.test/client.json')).rejects.toMatchObject({ code: 'outbound_refused' })
  })
})

test('strangers with names that are never answered do not keep an upstream by name waiting [finding 7]', async () => {
  const { asked } = await nameServer()
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,"result":{}}')
  })
  await once(server.listen(0, 'localhost'), 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const fetchPublic = createOutboundFetch({ destinations: 'public', maxConcurrentPerOrigin: 1000, maxConcurrent: 1000 })
  const controllers = Array.from({ length: 64 }, () => new AbortController())
  let settled = 0
  const strangers = controllers.map(({ signal }, index) =>
    fetchPublic(`https://host-${index}.silent.test/client.json`, { signal })
      .catch((error: unknown) => error)
      .finally(() => settled++),
  )
  while (new Set(asked).size < 64) await new Promise((resolve) => setTimeout(resolve, 5))
  const handler = compose([message()], proxy(`http://localhost:${port}/mcp`))
  for (let turn = 0; turn < 5; turn++) {
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    const headers = { 'Content-Type': 'application/json' }
    const response = await handler(new Request('https://mcp.example.com/mcp', { method: 'POST', headers, body }), {})
    expect(response.status).toBe(200)
    await response.text()
  }
  // `lookup` would have waited for its turn behind them.
  await dns.promises.lookup('localhost')
  expect(settled).toBe(0)
  for (const controller of controllers) controller.abort()
  await Promise.all(strangers)
}, 30_000)
