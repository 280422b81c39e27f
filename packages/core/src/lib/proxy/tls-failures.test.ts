import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { makeCertificates } from '../../../../../test/fixtures/certificates.js'
import { httpServer, listenOnLoopback, recordingLogger } from '../../../../../test/fixtures/loopback.js'
import { parseMessage } from '../message/parse-message.js'
import { proxy } from './proxy.js'

const { ca, server, selfSigned } = makeCertificates()
const body = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}'
const asked = vi.fn()
const never = () => void asked()

const failing: [string, () => Server | TcpServer][] = [
  ['a certificate that nobody vouches for', () => createTlsServer(selfSigned, never)],
  ['no TLS at all', () => createServer(never)],
  ['a connection that is closed in the handshake', () => tcp((socket) => socket.once('data', () => socket.destroy()))],
  [
    'a connection that is reset in the handshake',
    () => tcp((socket) => socket.once('data', () => socket.resetAndDestroy())),
  ],
  ['a connection that is reset at once', () => tcp((socket) => socket.resetAndDestroy())],
  ['other versions of TLS alone', () => createTlsServer({ ...server, maxVersion: 'TLSv1.1' } as object, never)],
  [
    'a demand for a certificate of the client, in TLS 1.2',
    () => createTlsServer({ ...server, ca, requestCert: true, maxVersion: 'TLSv1.2' }, never),
  ],
]

function tcp(serve: (socket: import('node:net').Socket) => void): TcpServer {
  return createTcpServer((socket) => {
    socket.on('error', () => {})
    serve(socket)
  })
}

describe.each(failing)('an upstream with %s', (_what, make) => {
  test('is passed over like one that refuses the connection', async () => {
    asked.mockClear()
    const broken = `https://127.0.0.1:${await listenOnLoopback(make())}/mcp`
    const { url } = await httpServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"jsonrpc":"2.0","id":7,"result":{}}')
    })
    const logger = recordingLogger()
    const handler = proxy([broken, url])
    for (let round = 0; round < 3; round++) {
      const message = parseMessage(new TextEncoder().encode(body))
      const request = new Request('https://mcp.example.com/mcp', { method: 'POST', body })
      expect((await handler(request, { message, logger })).status).toBe(200)
    }
    expect(asked).not.toHaveBeenCalled()
    expect(logger.lines).toMatchObject([{ level: 'warn', text: 'an upstream cannot be reached' }])
  })

  test('alone is said not to be reachable', async () => {
    const message = parseMessage(new TextEncoder().encode(body))
    const request = new Request('https://mcp.example.com/mcp', { method: 'POST', body })
    const response = await proxy(`https://127.0.0.1:${await listenOnLoopback(make())}/mcp`)(request, { message })
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ id: 7, error: { message: 'The server cannot be reached' } })
  })
})

test.each([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 2],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 2],
  ['CERT_HAS_EXPIRED', 2],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 2],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 2],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 2],
  ['ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC', 1],
  ['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 1],
])('another fetch that fails with %s has asked %i upstreams', async (code, count) => {
  const urls: string[] = []
  const fetch = async (url: string) => {
    urls.push(url)
    throw new TypeError('fetch failed', { cause: Object.assign(new Error('TLS'), { code }) })
  }
  const message = parseMessage(new TextEncoder().encode(body))
  const request = new Request('https://mcp.example.com/mcp', { method: 'POST', body })
  await proxy(['https://a.internal/mcp', 'https://b.internal/mcp'], { fetch })(request, { message })
  expect(urls).toHaveLength(count)
})
