import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import type { Policy } from '@mcp-gateway/core'
import { authzen } from '@mcp-gateway/core/policy/authzen'
import { cedar } from '@mcp-gateway/core/policy/cedar'
import { opa } from '@mcp-gateway/core/policy/opa'
import { hasCerbos, startCerbos } from '../test/servers/cerbos.js'
import { compare } from './harness.js'

type Input = Parameters<Policy>[0]

const server = 'https://mcp.example.com/notes/mcp'
const subject = {
  issuer: 'https://login.example.com',
  id: 'alice',
  clientId: 'app',
  scopes: ['notes:read'],
  roles: ['editor'],
  groups: ['staff'],
}
const inputOf = (name: string): Input => ({
  subject,
  action: 'tools/call',
  resource: { server, kind: 'tool', name },
  env: { address: '192.0.2.7', time: 1_800_000_000 },
})
const input = inputOf('search')
const tools = Array.from({ length: 1000 }, (_, index) => inputOf(`tool_${index}`))
const logger = { debug() {}, info() {}, warn() {}, error() {} }

// The engine alone gets the smallest question that has the same answer; sets are named in the order of their making
for (const [index, count] of [3, 10, 50, 200].entries()) {
  const policies = Array.from(
    { length: count },
    (_, at) => `permit(principal in MCP::Role::"${at === 0 ? 'editor' : `role-${at}`}", action, resource);`,
  )
  const policy = cedar({ policies: policies.join('\n'), logger })
  const user = { type: 'MCP::User', id: 'alice' }
  const question = {
    principal: user,
    action: { type: 'MCP::Action', id: 'tools/call' },
    resource: { type: 'MCP::Tool', id: 'search' },
    context: {},
    preparsedPolicySetId: `mcp-gateway-${index + 1}`,
    entities: [{ uid: user, attrs: {}, parents: [{ type: 'MCP::Role', id: 'editor' }] }],
  }
  await compare(
    `Cedar, ${count} policies`,
    { 'the engine alone': () => statefulIsAuthorized(question), 'cedar()': () => policy(input) },
    { operations: 500 },
  )
}
const rules = cedar({ policies: 'permit(principal in MCP::Role::"editor", action, resource);', logger })
await compare(
  'Cedar, a list of 1,000 tools',
  { 'one by one': () => tools.map((one) => rules(one)), 'many()': () => rules.many(tools) },
  { operations: 2, rounds: 5 },
)

const engine = createServer(async (request, response) => {
  let text = ''
  for await (const part of request) text += part
  const { evaluations, input: asked } = JSON.parse(text)
  const answer = {
    result: asked?.resources?.map(({ name }: { name: string }) => name) ?? true,
    decision: true,
    evaluations: evaluations?.map(() => ({ decision: true })),
  }
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer))
})
engine.listen(0, '127.0.0.1')
await once(engine, 'listening')
const url = `http://127.0.0.1:${(engine.address() as AddressInfo).port}`
const byName = opa({ url, listPath: 'mcp/authz/allowed', logger })
const evaluation = authzen({ url, discovery: false, logger })
const body = JSON.stringify({ input })
await compare(
  'One question over HTTP, to an engine that answers at once',
  {
    'fetch alone': async () => (await fetch(`${url}/v1/data/a`, { method: 'POST', body })).json(),
    'opa()': () => byName(input),
    'authzen()': () => evaluation(input),
  },
  { operations: 500 },
)
await compare(
  'A list of 1,000 tools over HTTP',
  {
    'opa(), one by one': () => opa({ url, logger, timeout: 20 }).many?.(tools),
    'opa(), by a rule of names': () => byName.many?.(tools),
    'authzen(), 50 at a time': () => evaluation.many?.(tools),
  },
  { operations: 2, rounds: 5 },
)
engine.close()
engine.closeAllConnections()

if (hasCerbos()) {
  const cerbos = await startCerbos({
    'tool.yaml': `apiVersion: api.cerbos.dev/v1
resourcePolicy:
  version: default
  resource: tool
  rules:
    - actions: ["tools/call"]
      effect: EFFECT_ALLOW
      roles: [editor]
`,
  })
  const properties = ({ subject: { roles } }: Input) => ({ subject: { 'cerbos.roles': roles } })
  const real = authzen({ url: cerbos.url, logger, properties, timeout: 20 })
  await compare('Cerbos, one question', { 'authzen()': () => real(input) }, { operations: 200, rounds: 5 })
  await compare(
    'Cerbos, a list of 1,000 tools',
    { 'authzen()': () => real.many?.(tools) },
    { operations: 2, rounds: 5 },
  )
  await cerbos.end()
}
