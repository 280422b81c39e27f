// What a policy costs: decisions on a thousand tools, filtering their list, and a call that is guarded by it.
import { compose, type Policy, type PolicyInput, respond } from '@mcp-gateway/core'
import { message, parseMessage } from '@mcp-gateway/core/gateway'
import { decideAll } from '@mcp-gateway/core/internal'
import { policy, toolSets } from '@mcp-gateway/core/policy'
import { compare } from './harness.js'

const rounds = Number(process.env.BENCH_ROUNDS ?? 15)
const url = 'https://mcp.example.com/notes/mcp'
const sets = Object.fromEntries(
  Array.from({ length: 20 }, (_, index) => [
    `set${index}`,
    { roles: [`role${index}`], tools: [`team${index}_*`, `tool_${index}`] },
  ]),
)
const rules = toolSets(sets)
const subject = { id: 'alice', clientId: 'app', scopes: [], roles: ['role1', 'role2', 'role3'], groups: [] }
const auth = {
  token: 't',
  clientId: 'app',
  scopes: [],
  expiresAt: 9e9,
  extra: { issuer: 'https://login.example.com', subject: 'alice', roles: subject.roles, groups: [] },
}

/** A list as servers have them: some 465 bytes a tool. */
const tools = Array.from({ length: 1000 }, (_, index) => ({
  name: `team${index % 20}_tool_${index}`,
  title: `Tool ${index}`,
  description: `Does what tool number ${index} does, with "quotes" and a few words more to be as long as such texts are.`,
  inputSchema: {
    type: 'object',
    properties: {
      path: { type: 'string', description: 'Where it is' },
      limit: { type: 'integer', minimum: 1, maximum: 100, default: 10 },
      tags: { type: 'array', items: { type: 'string' } },
    },
    required: ['path'],
  },
  annotations: { readOnlyHint: true, openWorldHint: false },
}))
const inputs = tools.map(({ name }) => ({
  subject,
  action: 'tools/call',
  resource: { server: url, kind: 'tool' as const, name },
  env: { time: 1 },
}))
await compare(
  'decisions on 1,000 tools by 20 tool sets',
  { nothing: () => inputs.length, toolSets: () => decideAll(rules, inputs) },
  { rounds, operations: 200 },
)

const list = new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools } }))
const allowed = new Set(tools.filter((_, index) => index % 20 < 4).map(({ name }) => name))
const uncached: Policy = Object.assign((input: PolicyInput) => rules(input), {
  many: rules.many?.bind(rules),
})

/** The transform that a policy puts into the context of a list. */
async function filterOf(policyOfServer: Policy) {
  let transform: ((message: ReturnType<typeof parseMessage>) => unknown) | undefined
  const handle = compose([message(), policy(policyOfServer)], (_, { transforms }) => {
    transform = transforms?.[0] as typeof transform
    return new Response()
  })
  await handle(post('tools/list', {}), { auth, resource: url })
  if (transform === undefined) throw new Error('The policy filters nothing')
  return transform
}

function post(method: string, params: object): Request {
  const headers = { 'Content-Type': 'application/json' }
  return new Request(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })
}

const filter = await filterOf(uncached)
const keptFilter = await filterOf(rules)
const parsed = parseMessage(list)
await compare(
  `filtering a list of 1,000 tools, ${Math.round(list.length / 1024)} KiB`,
  {
    'JSON.parse, filter, JSON.stringify': () => {
      const body = JSON.parse(new TextDecoder().decode(list))
      body.result.tools = body.result.tools.filter(({ name }: { name: string }) => allowed.has(name))
      return JSON.stringify(body)
    },
    'policy()': () => filter(parsed),
    'policy(), and reading the message': () => filter(parseMessage(list)),
    'policy(), kept': () => keptFilter(parsed),
  },
  { rounds, operations: 30 },
)

const answer = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: 'x' }] } })
const server = (_: Request, { message }: { message?: { method?: string } }) =>
  message?.method === 'tools/list'
    ? respond(list, { headers: { 'Content-Type': 'application/json' } })
    : respond(answer, { headers: { 'Content-Type': 'application/json' } })
const readMessage = message()
const bare = compose([readMessage], server as never)
const guarded = compose([readMessage, policy(rules)], server as never)
const call = () => post('tools/call', { name: 'team1_tool_1', arguments: { path: '/' } })
const context = { auth, resource: url }
await compare(
  'a call in this process, without HTTP',
  {
    'message()': () => bare(call(), context),
    'message(), policy(toolSets)': async () => {
      const { status } = await guarded(call(), context)
      if (status !== 200) throw new Error(`The call was refused with ${status}`)
    },
  },
  { rounds, operations: 3000 },
)
