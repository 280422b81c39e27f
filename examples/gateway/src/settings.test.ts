import { expect, test } from 'vitest'
import { readSettings, SettingsError } from './settings.js'

test('needs no settings', () => {
  expect(readSettings({})).toEqual({ port: 8787, auth: true, childVariables: {}, scopes: [], admins: [] })
})

test('takes an empty variable for one that is not set', () => {
  expect(readSettings({ PORT: '', PUBLIC_URL: ' ', MCP_COMMAND: '', REDIS_URL: '', AUTH: '' })).toEqual(
    readSettings({}),
  )
})

test('reads every setting', () => {
  const variables = {
    PORT: '0',
    PUBLIC_URL: 'http://localhost:9000',
    MCP_COMMAND: 'node "my server.mjs"',
    REDIS_URL: 'redis://127.0.0.1:6379/1',
    HISTORY_DSN: 'sqlite:history.db',
    AUTH: 'off',
    MCP_ENV: 'API_KEY, HTTPS_PROXY',
    API_KEY: 'k',
    HTTPS_PROXY: 'http://127.0.0.1:3128',
    MCP_START_TIMEOUT: '120',
    OPA_URL: 'http://127.0.0.1:8181',
    OPA_TIMEOUT: '3',
    SCOPES: 'tool:search:invoke, notes',
    ADMINS: 'ada',
  }
  expect(readSettings(variables)).toEqual({
    port: 0,
    publicUrl: 'http://localhost:9000',
    command: ['node', 'my server.mjs'],
    redisUrl: 'redis://127.0.0.1:6379/1',
    historyDsn: 'sqlite:history.db',
    auth: false,
    childVariables: { API_KEY: 'k', HTTPS_PROXY: 'http://127.0.0.1:3128' },
    startTimeout: 120,
    opaUrl: 'http://127.0.0.1:8181',
    opaTimeout: 3,
    scopes: ['tool:search:invoke', 'notes'],
    admins: ['ada'],
  })
})

test('takes a file of servers or one command, and says so when there are both', () => {
  expect(readSettings({ MCP_SERVERS: 'servers.json' }).serversFile).toBe('servers.json')
  expect(() => readSettings({ MCP_SERVERS: 'servers.json', MCP_COMMAND: 'node x.mjs' })).toThrow(
    /^MCP_COMMAND and MCP_SERVERS /,
  )
})

test('says which variable of MCP_ENV is not set, and no value of one that is', () => {
  expect(() => readSettings({ MCP_ENV: 'API_KEY,NONE', API_KEY: 'secret' })).toThrow(
    /^MCP_ENV names NONE, (?!.*secret)/,
  )
})

test.each([
  ['PORT', 'abc'],
  ['OPA_URL', '127.0.0.1:8181'],
  ['OPA_URL', 'http://127.0.0.1:8181/v1/data'],
  ['OPA_URL', 'http://user@127.0.0.1:8181'],
  ['OPA_TIMEOUT', '0'],
  ['OPA_TIMEOUT', '61'],
  ['SCOPES', 'a b'],
  ['ADMINS', '<ada>'],
  ['PORT', '65536'],
  ['PORT', '-1'],
  ['PORT', '80.5'],
  ['PUBLIC_URL', 'mcp.example.com'],
  ['PUBLIC_URL', 'ftp://mcp.example.com'],
  ['PUBLIC_URL', 'http://127.0.0.1:8787/'],
  ['PUBLIC_URL', 'http://127.0.0.1:8787/mcp'],
  ['PUBLIC_URL', 'http://user@127.0.0.1:8787'],
  ['MCP_COMMAND', 'node "server.mjs'],
  ['REDIS_URL', 'localhost:6379'],
  ['HISTORY_DSN', 'history.db'],
  ['HISTORY_DSN', 'mysql://localhost/app'],
  ['REDIS_URL', 'http://localhost:6379'],
  ['AUTH', 'false'],
  ['MCP_ENV', 'API_KEY=secret'],
  ['MCP_START_TIMEOUT', '0'],
  ['MCP_START_TIMEOUT', '1h'],
])('says in one line what is wrong with %s=%s', (name, value) => {
  const read = () => readSettings({ [name]: value })
  expect(read).toThrow(SettingsError)
  expect(read).toThrow(new RegExp(`^${name}=.* has to be [^\\n]+\\.$`))
})

test('says all that is wrong at once', () => {
  expect(() => readSettings({ PORT: 'x', AUTH: 'x' })).toThrow(/^PORT=x .*\nAUTH=x .*$/)
})

test('never repeats the password of a Redis URL', () => {
  expect(() => readSettings({ REDIS_URL: 'http://:secret@localhost' })).toThrow(/^(?!.*secret)REDIS_URL=/)
})

test('refuses to do without tokens on a public URL', () => {
  expect(() => readSettings({ AUTH: 'off', PUBLIC_URL: 'https://mcp.example.com' })).toThrow(/AUTH=off .*PUBLIC_URL/)
})
