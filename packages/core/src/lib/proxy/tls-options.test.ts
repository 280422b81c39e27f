import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import { createServer } from 'node:https'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { makeCertificates } from '../../../../../test/fixtures/certificates.js'
import { httpServer, listenOnLoopback } from '../../../../../test/fixtures/loopback.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { proxy } from './proxy.js'

const { ca, server, client, selfSigned } = makeCertificates()
const answer = '{"jsonrpc":"2.0","id":7,"result":{}}'
const json = { 'Content-Type': 'application/json' }
type Options = Parameters<typeof proxy>[1]

async function post(url: string | string[], options: Options, method = 'tools/list', signal?: AbortSignal) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method })
  const request = new Request('https://mcp.example.com/mcp', { method: 'POST', headers: json, body, signal })
  const response = await compose([message()], proxy(url, options))(request, {})
  return { status: response.status, text: await response.text() }
}

const good = { status: 200, text: answer }

test('a certification authority of one’s own is trusted, alone or in a list', async () => {
  const https = createServer(server, (_request, response) => response.writeHead(200, json).end(answer))
  const url = `https://127.0.0.1:${await listenOnLoopback(https)}/mcp`
  expect(await post(url, { tls: { ca } })).toEqual(good)
  expect(await post(url, { tls: { ca: [selfSigned.cert, ca] } })).toEqual(good)
  expect(await post(url, { tls: { ca: `${selfSigned.cert}\n${ca}` } })).toEqual(good)
  expect((await post(url, { tls: { ca: selfSigned.cert } })).status).toBe(502)
  expect((await post(url, {})).status).toBe(502)
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'the upstream knows the gateway by its certificate, in %s',
  async (version) => {
    const names: unknown[] = []
    const only = { minVersion: version, maxVersion: version }
    const https = createServer({ ...server, ca, requestCert: true, ...only }, (request, response) => {
      names.push((request.socket as import('node:tls').TLSSocket).getPeerCertificate().subject.CN)
      response.writeHead(200, json).end(answer)
    })
    const url = `https://127.0.0.1:${await listenOnLoopback(https)}/mcp`
    expect(await post(url, { tls: { ca, ...client } })).toEqual(good)
    expect(names).toEqual(['client'])
    expect((await post(url, { tls: { ca } })).status).toBe(502)
    expect(names).toHaveLength(1)
  },
)

test('a body that is streamed passes too', async () => {
  const https = createServer(server, async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    response.writeHead(200, json).end(JSON.stringify({ text }))
  })
  const url = `https://127.0.0.1:${await listenOnLoopback(https)}/mcp`
  const request = new Request('https://mcp.example.com/mcp', { method: 'POST', headers: json, body: 'a body' })
  expect(await (await proxy(url, { tls: { ca } })(request, {})).json()).toEqual({ text: 'a body' })
})

describe('an upstream that speaks HTTP/2 alone', () => {
  async function h2(serve: (stream: ServerHttp2Stream, path: string, body: string) => void) {
    const sessions: import('node:http2').ServerHttp2Session[] = []
    const http2: Http2SecureServer = createSecureServer({ ...server })
    http2.on('session', (session) => void sessions.push(session))
    http2.on('stream', async (stream, headers) => {
      stream.on('error', () => {})
      let body = ''
      for await (const chunk of stream) body += chunk
      serve(stream, `${headers[':method']} ${headers[':path']} ${headers[':authority']}`, body)
    })
    const port = await listenOnLoopback(http2)
    return { url: `https://127.0.0.1:${port}/mcp?key=1`, sessions, port }
  }
  const respond = (stream: ServerHttp2Stream, body: string | Uint8Array = answer, headers = {}) => {
    stream.respond({ ':status': 200, 'content-type': 'application/json', ...headers })
    stream.end(body)
  }
  const tls = { ca, http2: true }

  test('is spoken to in HTTP/2, all requests over one connection', async () => {
    const seen: string[] = []
    const { url, port, sessions } = await h2((stream, path, body) => {
      seen.push(`${path} ${JSON.parse(body).method}`)
      respond(stream)
    })
    expect((await post(url, { tls: { ca } })).status).not.toBe(200)
    sessions.length = 0
    const handler = compose([message()], proxy(url, { tls }))
    const ask = async () => {
      const body = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
      const request = new Request('https://mcp.example.com/mcp', { method: 'POST', headers: json, body })
      const response = await handler(request, {})
      return { status: response.status, text: await response.text() }
    }
    expect(await Promise.all(Array.from({ length: 20 }, ask))).toEqual(Array.from({ length: 20 }, () => good))
    expect(new Set(seen)).toEqual(new Set([`POST /mcp?key=1 127.0.0.1:${port} ping`]))
    expect(sessions).toHaveLength(1)
    // One that the upstream ends is replaced
    for (const session of sessions) session.destroy()
    expect(await ask()).toEqual(good)
    for (const session of sessions) if (!session.destroyed) session.goaway()
    expect(await ask()).toEqual(good)
  })

  test('streams events as they come, and hears that its client has left', async () => {
    let closed = false
    const { url } = await h2((stream) => {
      stream.on('close', () => {
        closed = true
      })
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' })
      stream.write('data: 1\n\n')
    })
    const body = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
    const request = new Request('https://mcp.example.com/mcp', { method: 'POST', headers: json, body })
    const response = await compose([message()], proxy(url, { tls }))(request, {})
    const reader = response.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('data: 1')
    await reader?.cancel()
    while (!closed) await new Promise((resolve) => setTimeout(resolve, 5))
  })

  test('and compresses is unpacked', async () => {
    const { url } = await h2((stream) => respond(stream, gzipSync(answer), { 'content-encoding': 'gzip' }))
    expect(await post(url, { tls })).toEqual(good)
  })

  test.each([
    ['resets the stream', (stream: ServerHttp2Stream) => stream.close(2)],
    ['ends the connection', (stream: ServerHttp2Stream) => stream.session?.destroy()],
    [
      'breaks off',
      (stream: ServerHttp2Stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/json' })
        stream.write('{"jsonrpc"')
        setTimeout(() => stream.session?.destroy(), 20)
      },
    ],
  ])('and %s is 502', async (_how, serve) => {
    const { url } = await h2(serve)
    expect((await post(url, { tls }, 'vendor/pay')).status).toBe(502)
  })

  test('and refuses a stream has not executed it (RFC 9113 section 8.7)', async () => {
    let asked = 0
    const { url } = await h2((stream) => {
      asked++
      stream.close(7)
    })
    const next = await h2((stream) => respond(stream))
    expect(await post([url, next.url], { tls }, 'vendor/pay')).toEqual(good)
    expect(asked).toBeLessThan(2)
  })

  test('and cannot be trusted is passed over', async () => {
    const untrusted = createSecureServer(selfSigned)
    const url = `https://127.0.0.1:${await listenOnLoopback(untrusted)}/mcp`
    const next = await h2((stream) => respond(stream))
    for (let round = 0; round < 2; round++) expect(await post([url, next.url], { tls })).toEqual(good)
  })

  test('stands beside one that speaks plain HTTP/1', async () => {
    const { url } = await httpServer((_request, response) => void response.writeHead(200, json).end(answer))
    const http2 = await h2((stream) => respond(stream))
    const handler = compose([message()], proxy([url, http2.url], { tls }))
    for (let round = 0; round < 4; round++) {
      const body = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
      const request = new Request('https://mcp.example.com/mcp', { method: 'POST', headers: json, body })
      expect((await handler(request, {})).status).toBe(200)
    }
  })
})

test.each([
  [{ tls: { ca: 'garbage' } }, 'tls.ca'],
  [{ tls: { ca: [], cert: 'garbage', key: 'garbage' } }, 'tls.cert'],
  [{ tls: { cert: client.cert } }, 'tls.cert and tls.key belong together'],
  [{ tls: { key: client.key } }, 'tls.cert and tls.key belong together'],
  [{ tls: { cert: client.cert, key: server.key } }, 'tls.cert, tls.key'],
  [{ tls: { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' } }, 'tls.ca'],
  [{ tls: { http2: 'yes' as never } }, 'http2'],
  [{ tls: { ca }, fetch: async () => new Response() }, 'tls has no effect beside fetch'],
] as [Options, string][])('wrong options fail at construction: %o', (options, text) => {
  expect(() => proxy('https://a.internal/mcp', options)).toThrow(text)
})

test('TLS needs an https URL', () => {
  expect(() => proxy('http://a.internal/mcp', { tls: { ca } })).toThrow('https URL')
})
