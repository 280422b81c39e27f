import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mcpRequest } from '@mcp-gateway/core/testing'
import { afterAll, expect, test } from 'vitest'
import { createExample } from './example.js'
import { readSettings } from './settings.js'

const folder = mkdtempSync(join(tmpdir(), 'history-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('with HISTORY_DSN a refused call and an error of the token endpoint are written down when the gateway closes', async () => {
  const settings = readSettings({ HISTORY_DSN: `sqlite:${join(folder, 'history.db')}`, MCP_COMMAND: 'node none.mjs' })
  const { gateway, history, storage, url } = createExample(settings, 8787)
  const refused = await gateway.fetch(mcpRequest({ url: `${url}/mcp`, method: 'tools/call', params: { name: 'add' } }))
  expect(refused.status).toBe(401)
  const form = new URLSearchParams({ grant_type: 'authorization_code', code: 'x', client_id: 'nobody' })
  expect((await gateway.fetch(new Request(`${url}/token`, { method: 'POST', body: form }))).status).toBeGreaterThan(399)
  const closed = await gateway.fetch(new Request(`${url}/history`))
  expect([closed.status, await closed.text()]).toEqual([401, expect.anything()])
  await gateway.close()
  const all = await history?.read({ limit: 10 })
  expect(all?.map(({ type, method }) => [type, method]).sort()).toEqual([
    ['authentication', 'GET /history'],
    ['authentication', 'POST /mcp'],
    ['authentication', 'oauth/token_refused'],
  ])
  await history?.end()
  await storage.close()
})
