import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { initialize, readJson, registerClient, type Tokens } from '../clients/plain-client.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

beforeAll(() => buildExample('express'), 300_000)

const withoutLibsql = `
  import { register } from 'node:module'
  const resolve = (name, context, next) => {
    if (name === 'libsql') throw new Error('There is no binary for this platform')
    return next(name, context)
  }
  register('data:text/javascript,export const resolve = ' + encodeURIComponent(resolve.toString()))
`

test('keeps everything in memory, and says so, where SQLite cannot be loaded', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'no-sqlite-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const hook = join(folder, 'hook.mjs')
  writeFileSync(hook, withoutLibsql)
  const { url, banner } = await startExample('express', { NODE_OPTIONS: `--import=${pathToFileURL(hook)}` })
  expect(banner).toContain('memory, until it stops')
  const client = await registerClient(url)
  const tokens = await readJson<Tokens>(await client.redeem(url, await client.logIn()), 200)
  expect(await initialize(url, tokens.access_token)).toBe(200)
})
