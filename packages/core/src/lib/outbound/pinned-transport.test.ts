import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { boundedFetch } from './bounded-fetch.js'
import { pinnedTransport } from './pinned-transport.js'

// A throw-away pair for public.test and rebind.test, used by this test alone.
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/273Df/IlDjIvCzI
vm+z5SgSAnJ98wGSIfoxeGroAZ6hRANCAAQ8fR+lY7a+jUuhUAND+HfQvQzgoaMV
R4KXh+9UapSsFSHGRBX3A3UpwNgpBKob+ch1ro7FxB/Oj43CIqxtu3nZ
-----END PRIVATE KEY-----`
const ca = `-----BEGIN CERTIFICATE-----
MIIBcTCCARegAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtwdWJsaWMu
dGVzdDAgFw0yNDAxMDEwMDAwMDBaGA8yMTI0MDEwMTAwMDAwMFowFjEUMBIGA1UE
AwwLcHVibGljLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ8fR+lY7a+
jUuhUAND+HfQvQzgoaMVR4KXh+9UapSsFSHGRBX3A3UpwNgpBKob+ch1ro7FxB/O
j43CIqxtu3nZo1QwUjAjBgNVHREEHDAaggtwdWJsaWMudGVzdIILcmViaW5kLnRl
c3QwDAYDVR0TBAUwAwEB/zAdBgNVHQ4EFgQUJsF1xtUXfKcpDQSq9ex5ULXc5ucw
CgYIKoZIzj0EAwIDSAAwRQIgeeThVIDgw2NWDrbJRzfXbk8PHtsS34mOMNMo95ON
GMQCIQDauPYB9nUCsuZxbqQ9VsC4YBbh9PRj9lCqw+yVecc/kw==
-----END CERTIFICATE-----`

let server: Server
let port: number
let requests = 0

beforeAll(async () => {
  server = createServer({ key, cert: ca }, (request, response) => {
    requests++
    if (request.url === '/gzip') {
      response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000)))
    } else if (request.url === '/endless') {
      response.writeHead(200)
      const timer = setInterval(() => response.write(Buffer.alloc(4096)), 1)
      response.on('close', () => clearInterval(timer))
    } else if (request.url === '/slow') {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(timer))
    } else {
      const { host, accept, 'accept-encoding': encoding } = request.headers
      response.writeHead(200, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify({ host, accept, encoding }))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** A resolver that gives one answer after the other; `10.` stands for the forbidden part of the world. */
function transport(...answers: string[][]) {
  const left = [...answers]
  const connect = pinnedTransport({
    ca,
    isAllowed: (address) => !address.startsWith('10.'),
    lookup: (_, __, callback) => {
      const answer = left.length > 1 ? (left.shift() as string[]) : (left[0] as string[])
      callback(
        null,
        answer.map((address) => ({ address, family: 4 })),
      )
    },
  })
  if (connect === undefined) throw new Error('not on Node')
  return connect
}

test('connects to the checked address under the name of the URL', async () => {
  const response = await transport(['127.0.0.1'])(`https://public.test:${port}/`, { headers: { Accept: 'text/x' } })
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({ host: `public.test:${port}`, accept: 'text/x', encoding: 'identity' })
})

test('[attack 88, attack 89] refuses a name with one forbidden address among public ones', async () => {
  const before = requests
  await expect(transport(['127.0.0.1', '10.0.0.1'])(`https://public.test:${port}/`)).rejects.toMatchObject({
    code: 'outbound_refused',
  })
  await expect(transport(['10.0.0.1'])(`https://public.test:${port}/`)).rejects.toMatchObject({
    code: 'outbound_refused',
  })
  await expect(transport([])(`https://public.test:${port}/`)).rejects.toMatchObject({ code: 'outbound_refused' })
  expect(requests).toBe(before)
})

test('[attack 89] a name that changes its mind is looked up once per connection and checked each time', async () => {
  const rebinding = transport(['127.0.0.1'], ['10.0.0.1'])
  expect((await rebinding(`https://rebind.test:${port}/`)).status).toBe(200)
  await expect(rebinding(`https://rebind.test:${port}/`)).rejects.toMatchObject({ code: 'outbound_refused' })
})

test('[attack 89] the real resolver and rule refuse the names of this machine', async () => {
  const connect = pinnedTransport({ ca })
  await expect(connect?.(`https://localhost:${port}/`)).rejects.toMatchObject({ code: 'outbound_refused' })
})

test('[attack 100] refuses a certificate for another name, and one that nobody vouches for', async () => {
  await expect(transport(['127.0.0.1'])(`https://other.test:${port}/`)).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
  const unknown = pinnedTransport({
    lookup: (_, __, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    isAllowed: () => true,
  })
  await expect(unknown?.(`https://public.test:${port}/`)).rejects.toThrow(/self-signed/)
})

test('[attack 91] refuses a compressed answer, which was not asked for', async () => {
  await expect(transport(['127.0.0.1'])(`https://public.test:${port}/gzip`)).rejects.toMatchObject({
    code: 'outbound_refused',
  })
})

test('[attack 91] cuts an endless and a slow answer off', async () => {
  const bounded = boundedFetch(transport(['127.0.0.1']), { maxBytes: 20_000, timeout: 0.3 })
  await expect(bounded(`https://public.test:${port}/endless`)).rejects.toMatchObject({ code: 'outbound_refused' })
  await expect(bounded(`https://public.test:${port}/slow`)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  expect((await bounded(`https://public.test:${port}/`)).status).toBe(200)
})
