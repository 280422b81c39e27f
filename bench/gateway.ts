import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { type Handler, mountable, respond } from '@mcp-gateway/core'
import { createGateway, fromFetchServer } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { proxy } from '@mcp-gateway/core/proxy'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import express from 'express'
import { anyToken } from './gateway/auth.js'
import { compareServers, send } from './harness.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const json = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}'
const headers = { 'Content-Type': 'application/json' }
const accept = 'application/json, text/event-stream'
const call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hello","arguments":{"to":"world"}}}'

const mount = (handle: Handler): Server => createServer(toNodeHandler(mountable({ handle })))

await compareServers('small JSON answer to a GET', import.meta.url, {
  'node:http': () =>
    createServer((_request, response) => {
      response.writeHead(200, headers).end(json)
    }),
  'toNodeHandler, respond()': () => mount(() => respond(json, { headers })),
  'toNodeHandler, new Response()': () => mount(() => new Response(json, { headers })),
})

const post = (url: string) => () =>
  send(`${url}mcp`, { method: 'POST', headers: { ...headers, Accept: accept, Authorization: 'Bearer x' }, body: call })
const answer: Handler = () => respond(json, { headers })

const guarded = (server: Handler) =>
  createGateway({
    url: 'https://mcp.example.com',
    auth: anyToken(),
    servers: { '/mcp': server },
    logger: quiet,
  })

await compareServers(
  'POST of a tool call, answered in this process',
  import.meta.url,
  {
    // What any handler of a POST does: reads the body and parses it
    'toNodeHandler, body read': () =>
      mount(async (request, context) => {
        JSON.parse(await request.text())
        return answer(request, context)
      }),
    'createGateway, guarded': () => createServer(toNodeHandler(guarded(answer))),
  },
  { connect: post, operations: 5000 },
)

/** A gateway with a server of `node:http`, mounted in each of the ways that there are in Node. */
const mounts = (server: () => Handler | Promise<Handler>) => ({
  'on node:http': async () => createServer(toNodeHandler(guarded(await server()))),
  'in front of Express': async () => createServer(toNodeHandler(guarded(await server()), { next: express() })),
  'as a layer of Express': async () => createServer(express().use(toNodeHandler(guarded(await server())))),
})

await compareServers(
  'the three mounts: POST of a tool call, answered in this process',
  import.meta.url,
  mounts(() => answer),
  { connect: post, operations: 5000 },
)

/** A server with one tool, made with the MCP SDK: what most have in the place of the handler above. */
const sdkServer = (): Handler =>
  fromFetchServer(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'bench', version: '1.0.0' })
      server.registerTool('hello', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }))
      return server
    }),
  )

await compareServers(
  'POST of a tool call, answered by the MCP SDK',
  import.meta.url,
  {
    toNodeHandler: () => mount(sdkServer()),
    'createGateway, guarded': () => createServer(toNodeHandler(guarded(sdkServer()))),
  },
  { connect: post, operations: 500 },
)

/** Starts an upstream in a process of its own, so that what it costs is in no figure. It ends with this process. */
async function upstream(): Promise<string> {
  const child = fork(fileURLToPath(new URL('gateway/upstream.ts', import.meta.url)))
  const [url] = await once(child, 'message')
  return url as string
}

await compareServers(
  'POST of a tool call, proxied',
  import.meta.url,
  {
    'a bare proxy on fetch': async () => {
      const url = await upstream()
      return mount(async (request) => {
        const { status, body } = await fetch(url, { method: 'POST', headers, body: await request.text() })
        return new Response(body, { status, headers })
      })
    },
    'createGateway, guarded, proxy()': async () => createServer(toNodeHandler(guarded(proxy(await upstream())))),
  },
  { connect: post },
)

await compareServers(
  'the three mounts: POST of a tool call, proxied',
  import.meta.url,
  mounts(async () => proxy(await upstream())),
  { connect: post },
)
