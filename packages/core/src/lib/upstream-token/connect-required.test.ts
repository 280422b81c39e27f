import { expect, test } from 'vitest'
import { message } from '../message/message-middleware.js'
import { mcpRequest } from '../testing/mcp-request.js'
import { connectPrompt } from './connect-prompt.js'
import { ConnectRequired } from './connect-required.js'

test.each([
  'https://mcp.example.com/connect/google-drive-staging-2026',
  'https://mcp.example.com/3f2504e04f8911d39a0c0305e82c3301/connect/wiki',
])('a user is told the whole address %s, also where it looks like a key [finding 21]', async (url) => {
  const required = new ConnectRequired({ url, title: 'Wiki' })
  expect(required.message).toBe(`Connect your account at Wiki first: open ${url} in a browser, then try again`)
  const request = mcpRequest({ url: 'https://mcp.example.com/mcp', method: 'tools/list' })
  const answer = await message()(
    request,
    {},
    (_, context) => connectPrompt.answer(required, context, false) ?? new Response(),
  )
  expect(await answer.text()).toContain(`open ${url} in a browser`)
})
