// What it costs to read a message, beside parsing its JSON: in both directions, and as `message()` does for a client's.
import { respond } from '@mcp-gateway/core'
import { message, parseMessage } from '@mcp-gateway/core/gateway'
import { compare } from './harness.js'

const rounds = Number(process.env.BENCH_ROUNDS ?? 15)
const decoder = new TextDecoder('utf-8', { fatal: true })
const encode = (value: object) => new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', ...value }))

const call = (args: object, more: object = {}) => ({
  id: 1,
  method: 'tools/call',
  params: { name: 'hello', arguments: args, ...more },
})
const several = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`argument${index}`, `value ${index}`]))
const rows = Array.from({ length: 60 }, (_, id) => ({ id, name: `row ${id}`, ok: true }))
const key = 'io.modelcontextprotocol'
const modern = call(
  { to: 'world' },
  { _meta: { [`${key}/protocolVersion`]: '2026-07-28', [`${key}/clientCapabilities`]: {} } },
)

const responses = {
  'small response': encode({ id: 1, result: { content: [{ type: 'text', text: 'hello' }] } }),
  'response with 60 rows': encode({ id: 1, result: { structuredContent: { rows } } }),
}
const calls = {
  'small call': encode(call({ to: 'world' })),
  'small modern call': encode(modern),
  'call with 400 arguments': encode(call(several)),
  'call with 8 KiB of text': encode(call({ text: 'a line of a "text"\n'.repeat(400) })),
}

for (const [what, bytes] of Object.entries({ ...responses, ...calls })) {
  await compare(
    `parseMessage, ${what}`,
    { 'decode, JSON.parse': () => JSON.parse(decoder.decode(bytes)), parseMessage: () => parseMessage(bytes) },
    { rounds, operations: Math.ceil(4_000_000 / (bytes.length + 100)) },
  )
}

const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
const modernHeaders = {
  ...headers,
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': 'tools/call',
  'Mcp-Name': 'hello',
}
const answer = respond('{}', { headers: { 'Content-Type': 'application/json' } })
const guarded = message()
const auth = { token: 't', clientId: 'c', scopes: [], extra: { issuer: 'https://login.example.com', subject: 'alice' } }

for (const [what, body] of Object.entries(calls)) {
  const init = { method: 'POST', headers: what.includes('modern') ? modernHeaders : headers, body }
  const request = () => new Request('https://mcp.example.com/mcp', init)
  await compare(
    `message(), ${what}`,
    {
      'request.text(), JSON.parse': async () => JSON.parse(await request().text()),
      'message()': async () => {
        const { status } = await guarded(request(), { auth }, () => answer)
        if (status !== 200) throw new Error(`message() refused the ${what} with ${status}`)
      },
    },
    { rounds, operations: Math.ceil(400_000 / (body.length + 300)) },
  )
}
