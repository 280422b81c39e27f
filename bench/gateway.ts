import { createServer, type Server } from 'node:http'
import { createGateway, type Handler, mountable, respond } from '@mcp-gateway/core'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { compareServers, send } from './harness.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const json = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}'
const headers = { 'Content-Type': 'application/json' }
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
  send(`${url}mcp`, { method: 'POST', headers: { ...headers, Authorization: 'Bearer x' }, body: call })
const answer: Handler = () => respond(json, { headers })

await compareServers(
  'POST of a tool call',
  import.meta.url,
  {
    'node:http, body read': () =>
      createServer((request, response) => {
        const chunks: Uint8Array[] = []
        request
          .on('data', (chunk) => chunks.push(chunk))
          .on('end', () => {
            JSON.parse(Buffer.concat(chunks).toString())
            response.writeHead(200, headers).end(json)
          })
      }),
    'toNodeHandler, body read': () =>
      mount(async (request, context) => {
        JSON.parse(await request.text())
        return answer(request, context)
      }),
    'createGateway, guarded': () =>
      createServer(
        toNodeHandler(
          createGateway({
            url: 'https://mcp.example.com',
            auth: {
              issuer: 'https://login.example.com',
              protect: () => ({
                verifyAccessToken: async (token) => ({
                  token,
                  clientId: 'c',
                  scopes: [],
                  expiresAt: Number.MAX_SAFE_INTEGER,
                }),
              }),
            },
            servers: { '/mcp': answer },
            logger: quiet,
          }),
        ),
      ),
  },
  { connect: post },
)
