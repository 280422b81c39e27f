import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { readServers } from './servers.js'
import { readSettings, SettingsError } from './settings.js'

const folder = mkdtempSync(join(tmpdir(), 'servers-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** As clients write it. */
function variable(name: string): string {
  return `$\{${name}}`
}

function read(content: unknown, variables: Record<string, string> = {}) {
  writeFileSync(join(folder, 'servers.json'), typeof content === 'string' ? content : JSON.stringify(content))
  return readServers(readSettings({ MCP_SERVERS: 'servers.json', ...variables }), folder)
}

test('reads programs and URLs of the form that clients use', () => {
  const servers = read({
    mcpServers: {
      files: { command: 'npx', args: ['-y', 'server-filesystem', '.'], env: { A: '1' }, cwd: 'data' },
      wiki: { type: 'http', url: 'https://wiki.example/mcp' },
    },
  })
  expect(servers).toEqual([
    {
      name: 'files',
      path: '/files/mcp',
      command: 'npx',
      args: ['-y', 'server-filesystem', '.'],
      env: { A: '1' },
      cwd: join(folder, 'data'),
    },
    { name: 'wiki', path: '/wiki/mcp', type: 'http', url: 'https://wiki.example/mcp' },
  ])
})

test('fills in variables, and gives each program those that MCP_ENV names', () => {
  vi.stubEnv('SERVER_KEY', 'k')
  const entry = { command: 'node', args: [`${variable('MISSING:-x')}.mjs`], env: { KEY: `a${variable('SERVER_KEY')}` } }
  const [server] = read({ mcpServers: { a: entry } }, { MCP_ENV: 'API_KEY', API_KEY: 'v' })
  expect(server).toMatchObject({ args: ['x.mjs'], env: { API_KEY: 'v', KEY: 'ak' } })
  vi.unstubAllEnvs()
})

test.each([
  ['{', /is not JSON/],
  [[], /has to be a JSON object with a member "mcpServers"/],
  [{ mcpServers: {} }, /names no server/],
  [{ mcpServers: { 'a/b': { command: 'x' } } }, /a server "a\/b"/],
  [{ mcpServers: { a: { args: [] } } }, /server a: "command"/],
  [{ mcpServers: { a: 'npx' } }, /server a: it/],
  [{ mcpServers: { a: { url: 'ftp://x' } } }, /server a: "url" has to be an http or https URL/],
  [
    { mcpServers: { a: { command: 'x', env: { K: variable('NOT_SET_ANYWHERE') } } } },
    /server a: the variable NOT_SET_ANYWHERE/,
  ],
])('says in one line what is wrong with %j', (content, message) => {
  expect(() => read(content)).toThrow(SettingsError)
  expect(() => read(content)).toThrow(message)
})

test('says that a file cannot be read', () => {
  expect(() => readServers(readSettings({ MCP_SERVERS: 'none.json' }), folder)).toThrow(
    /MCP_SERVERS=.*none\.json cannot/,
  )
})
