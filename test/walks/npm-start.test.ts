import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'
import { descendants, survivors } from './processes.js'

const root = join(import.meta.dirname, '../..')
const nobody = () => Promise.reject(new Error('No login was expected'))

beforeAll(() => buildExample('express'), 300_000)

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'npm-start-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('ends with the npm that started it on SIGTERM, and frees its port', async () => {
  const folder = temporaryFolder()
  const npm = spawn('npm', ['start', '--workspace', 'examples/express'], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: folder, PORT: '0', INIT_CWD: folder, AUTH: 'off' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  npm.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const url = await expect
    .poll(() => output.match(/(http:\/\/127\.0\.0\.1:\d+)\/health/)?.[1], { timeout: 45_000 })
    .toBeTruthy()
    .then(() => output.match(/(http:\/\/127\.0\.0\.1:\d+)\/health/)?.[1] as string)
  await connectSdkV2(`${url}/everything/mcp`, nobody)
  const family = descendants(npm.pid as number)
  expect(family.length).toBeGreaterThan(1)
  npm.kill('SIGTERM')
  expect(await survivors(family, 15)).toEqual([])
  await expect(fetch(`${url}/health`)).rejects.toThrow()
})

test('serves every server of a file, and tells the names of what they get and no value', async () => {
  const file = join(temporaryFolder(), 'servers.json')
  const fixture = (name: string) => join(root, 'test/fixtures', name)
  const mcpServers = {
    old: { command: process.execPath, args: [fixture('legacy-server.mjs')], env: { OLD_KEY: 'planted-secret' } },
    new: { command: process.execPath, args: [fixture('modern-server.mjs')] },
  }
  writeFileSync(file, JSON.stringify({ mcpServers }))
  const example = await startExample('express', {
    AUTH: 'off',
    MCP_SERVERS: file,
    MCP_ENV: 'API_KEY',
    API_KEY: 'planted-secret',
    MCP_START_TIMEOUT: '20',
  })
  expect(example.banner).toContain('it gets API_KEY, OLD_KEY')
  expect(example.banner).not.toContain('planted-secret')
  for (const name of ['old', 'new']) {
    expect(example.banner).toContain(`${example.url}/${name}/mcp`)
    const { client } = await connectSdkV2(`${example.url}/${name}/mcp`, nobody)
    expect((await client.listTools()).length).toBeGreaterThan(0)
  }
})
