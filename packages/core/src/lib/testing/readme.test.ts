import { createGateway } from '@mcp-gateway/core/gateway'
import { fakeIssuer, fakeMcpServer, mcpAnswer, mcpRequest } from '@mcp-gateway/core/testing'
import { http } from 'msw'
import { setupServer } from 'msw/node'
import { expect, test } from 'vitest'

const issuer = fakeIssuer()
const notes = {
  server: fakeMcpServer({ tools: { add: ({ a, b }) => `${Number(a) + Number(b)}` } }),
  requiredScopes: ['notes'],
}
const gateway = createGateway({
  url: 'https://mcp.test',
  auth: { issuer: issuer.issuer },
  servers: { '/notes': notes },
})
const call = { url: 'https://mcp.test/notes', method: 'tools/call', params: { name: 'add', arguments: { a: 1, b: 2 } } }
setupServer(...issuer.handlers(http)).listen({ onUnhandledRequest: 'error' })

test('a token for this server may call its tools, and one that ended may not', async () => {
  const token = await issuer.token({ resource: call.url, scope: 'notes' })
  const answer = await mcpAnswer(await gateway.fetch(mcpRequest({ ...call, token })))
  expect(answer.result).toMatchObject({ content: [{ text: '3' }] })
  const expired = await issuer.token({ resource: call.url, scope: 'notes', expiresIn: -60 })
  expect((await gateway.fetch(mcpRequest({ ...call, token: expired }))).status).toBe(401)
})
