import { createMcpHandler, McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import type { Handler, Middleware } from '../contract/handler.js'
import type { Policy } from '../contract/policy.js'
import { compose } from '../http/compose.js'
import { fromFetchServer } from '../message/from-fetch-server.js'
import { message } from '../message/message-middleware.js'
import { type PolicyOptions, policy } from '../policy/policy.js'
import { toolSets } from '../policy/tool-sets.js'
import { challenge } from '../resource-server/challenge.js'
import { testParity } from './test-parity.js'

const url = 'https://mcp.example.com/notes'
const text = (text: string) => ({ content: [{ type: 'text' as const, text }] })

/** A server of the MCP SDK with all that a policy can hide. */
function notes(): Handler {
  return fromFetchServer(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'notes', version: '1' })
      for (const name of ['read_note', 'drop_note', 'search', 'stats']) {
        server.registerTool(name, {}, () => text(name))
      }
      server.registerTool('needs', { inputSchema: z.object({ id: z.string() }) }, ({ id }) => text(id))
      for (const name of ['summary', 'secret_prompt']) {
        server.registerPrompt(name, {}, () => ({
          messages: [{ role: 'user' as const, content: { type: 'text' as const, text: name } }],
        }))
      }
      for (const uri of ['note://1', 'note://2', 'secret://1']) {
        server.registerResource(uri, uri, {}, () => ({ contents: [{ uri, text: uri }] }))
      }
      for (const scheme of ['page', 'vault']) {
        const complete = { id: () => ['1', '2'] }
        const template = new ResourceTemplate(`${scheme}://{id}`, { list: undefined, complete })
        server.registerResource(scheme, template, {}, (uri) => ({ contents: [{ uri: uri.href, text: 'x' }] }))
      }
      return server
    }),
  )
}

/** The token names the rights: roles, then scopes. */
const caller: Middleware = (request, context, next) => {
  const [roles = '', scopes = ''] = (request.headers.get('authorization') ?? '').slice(7).split('|')
  const auth = {
    token: 'x',
    clientId: 'app',
    scopes: scopes.split(',').filter(Boolean),
    expiresAt: 9e9,
    extra: { issuer: 'https://a', subject: `user-${roles}`, roles: roles.split(',').filter(Boolean), groups: [] },
  }
  return next(request, { ...context, auth, refuse: challenge, requiredScopes: [], resource: url })
}

const sets = toolSets({
  reading: {
    roles: ['reader'],
    tools: ['read_*', 'search'],
    prompts: ['summary'],
    resources: ['note://*', 'page://*'],
  },
  writing: { roles: ['writer'], scopes: ['notes:write'], tools: ['*_note', 'needs'] },
  labelled: { roles: ['guest'], labels: { risk: 'low' } },
})
/** All but a few: the answers for what nobody has heard of come from the server. */
const allBut: Policy = ({ subject, resource: { name = '' } }) =>
  /secret|drop|vault/.test(name) && !subject.roles.includes('writer') ? { allow: false, reason: 'x' } : { allow: true }
const names = { tools: ['drop_note'], prompts: ['secret_prompt'], resources: ['secret://1'] }
const roles = ['reader', 'writer', 'guest', 'mcp-admin', 'nobody']
const scopes = ['notes:write', 'other']

/** Tokens of subjects with any rights. */
function subjects(count: number): string[] {
  const some = fc.sample(fc.tuple(fc.subarray(roles), fc.subarray(scopes)), count)
  return ['reader|', 'writer|', ...some.map(([role, scope]) => `${role}|${scope}`)].slice(0, count)
}

function check(middleware: Middleware[], count = 4) {
  const handle = compose([caller, message(), ...middleware], notes())
  const tokens = subjects(count)
  return testParity({
    fetch: async (request) => handle(request, {}),
    url,
    subjects: count,
    token: (run) => tokens[run],
    names,
    arguments: () => ({ id: 'x' }),
  })
}

test.each<[string, Policy, PolicyOptions]>([
  ['tool sets', sets, {}],
  ['tool sets and labels', sets, { labels: { tools: { stats: { risk: 'low' } } } }],
  ['all but a few', allBut, {}],
  ['all but a few, by annotations of a trusted server', allBut, { trustAnnotations: true }],
  ['nothing', () => ({ allow: false, reason: 'x' }), {}],
])('visible if and only if callable, over a server of the MCP SDK: %s', async (_, rules, options) => {
  expect(await check([policy(rules, options)])).toMatchObject({ subjects: 4 })
})

/** What a gateway would be with one fault in it. */
const leaks: [string, Middleware[], RegExp][] = [
  [
    'that filters no list',
    [
      (request, context, next) =>
        context.message?.method?.includes('/list') ? next(request, context) : policy(sets)(request, context, next),
    ],
    /is listed, and answers as what does not exist/,
  ],
  [
    'that filters lists alone',
    [
      (request, context, next) =>
        context.message?.method?.includes('/list') ? policy(sets)(request, context, next) : next(request, context),
    ],
    /is not listed, and can be used/,
  ],
  [
    'that says of one that it exists',
    [
      async (request, context, next) => {
        const response = await policy(sets)(request, context, next)
        return context.message?.name === 'drop_note'
          ? new Response(await response.text(), { ...response, status: 403 })
          : response
      },
    ],
    /drop_note" is not listed, and answers otherwise/,
  ],
  [
    'that has a header more for one that exists',
    [
      async (request, context, next) => {
        const response = await policy(sets)(request, context, next)
        if (context.message?.name === 'drop_note') response.headers.set('X-Policy', 'denied')
        return response
      },
    ],
    /drop_note" is not listed, and answers otherwise/,
  ],
  [
    'that lists by another rule than it calls by, in one era',
    [
      (request, context, next) => {
        const isOther = context.message?.era === 'modern' && context.message.method === 'tools/list'
        return policy(isOther ? allBut : sets)(request, context, next)
      },
    ],
    /modern: tool/,
  ],
  [
    'that forgets to ask about resources',
    [
      (request, context, next) =>
        context.message?.method === 'resources/read' ? next(request, context) : policy(sets)(request, context, next),
    ],
    /resource "(?:note|secret):\/\/\d" is not listed, and can be used/,
  ],
  [
    'that completes what it hides',
    [
      (request, context, next) =>
        context.message?.method === 'completion/complete'
          ? next(request, context)
          : policy(sets)(request, context, next),
    ],
    /template "\w+:\/\/\{id\}" is not listed, and is completed/,
  ],
]

test.each(leaks)('finds the fault of a gateway %s', async (_, middleware, text) => {
  await expect(check(middleware, 3)).rejects.toThrow(text)
})

test('a gateway that tells every refusal alike has parity too', async () => {
  await expect(check([policy(sets, { refusals: 'error', allowUnlisted: true })])).resolves.toBeDefined()
})

test('where nobody sees anything and nothing is named, nothing was proved', async () => {
  const handle = compose([caller, message(), policy(() => ({ allow: false, reason: 'x' }))], notes())
  const nothing = testParity({ fetch: async (request) => handle(request, {}), url, subjects: 1, token: () => 'x|' })
  await expect(nothing).rejects.toThrow('nothing could be compared')
})
