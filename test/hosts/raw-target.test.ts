import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { Mountable } from '@mcp-gateway/core'
import { createGateway } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import express from 'express'
import { Hono } from 'hono'
import { expect, test } from 'vitest'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const hosts: readonly (readonly [string, (gateway: Mountable) => RequestListener])[] = [
  ['node:http', (gateway) => toNodeHandler(gateway, { logger: silent })],
  ['Express', (gateway) => express().use(toNodeHandler(gateway, { logger: silent }))],
  [
    'Hono',
    (gateway) => {
      const app = new Hono<{ Bindings: HttpBindings }>()
      app.all('*', (c) => gateway.handle(c.req.raw, { target: c.env.incoming.url }))
      return getRequestListener(app.fetch, { overrideGlobalObjects: false })
    },
  ],
]

test.each(hosts)('no spelling of a path passes the rules of a proxy in front of %s [finding 13]', async (_, mount) => {
  const reached: string[] = []
  const gateway = createGateway({
    url: 'http://127.0.0.1:8787',
    dangerouslyAllowAnonymous: true,
    servers: Object.fromEntries(
      ['/public/mcp', '/admin/mcp'].map((path) => [
        path,
        () => {
          reached.push(path)
          return new Response()
        },
      ]),
    ),
    logger: silent,
  })
  const server = createServer(mount(gateway))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const send = async (target: string) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk
    })
    socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
    await once(socket, 'close')
    return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
  }
  try {
    expect(await send('/public/mcp')).toBe(200)
    reached.length = 0
    for (const target of [
      '/public/..\\admin/mcp',
      '/public/../admin/mcp',
      '/public/.././admin/mcp',
      '/public/%2e%2e/admin/mcp',
      '/public/%2E./admin/mcp',
      '/public\\..\\admin\\mcp',
      '/public/..%5cadmin/mcp',
      '/public/..%2fadmin/mcp',
      '/public/..;/admin/mcp',
      '/public/%252e%252e/admin/mcp',
      '\\admin/mcp',
      '/admin/mcp#/public/mcp',
      '/\\admin/mcp',
      '/admin\\mcp',
      '/public/mcp/..\\../admin/mcp',
    ]) {
      expect([target, await send(target)]).toEqual([target, 400])
    }
    expect(reached).toEqual([])
  } finally {
    server.close().closeAllConnections()
  }
})
