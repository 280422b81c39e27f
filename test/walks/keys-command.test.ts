import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { initialize } from '../clients/plain-client.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

const command = join(import.meta.dirname, '../../examples/gateway/dist/keys-command.js')

beforeAll(() => buildExample('express'), 300_000)

test('an operator makes, lists, rotates and revokes keys, and a running gateway takes them', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keys-command-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const keys = async (...parameters: string[]) => {
    const env = { PATH: process.env.PATH, INIT_CWD: folder }
    const result = await promisify(execFile)(process.execPath, [command, ...parameters], { env }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
    )
    return { ...result, lines: result.stdout.trim().split('\n') }
  }
  const { url } = await startExample('express', { INIT_CWD: folder })

  const made = await keys('create', 'nightly-build', '--roles', 'mcp-viewer', '--days', '30')
  const [key = ''] = made.lines
  expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('not shown again') })
  expect(key).toMatch(/^example_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}$/)
  const id = key.split('_')[1] as string
  expect(await initialize(url, key)).toBe(200)
  expect(await initialize(url, `${key.slice(0, -1)}_`)).toBe(401)

  const listed = await keys('list')
  expect(listed.lines).toHaveLength(1)
  expect(listed.lines[0]).toContain(`${id}  nightly-build  ...${key.slice(-4)}  roles=mcp-viewer`)
  expect(listed.lines[0]).toContain('used=')
  expect(listed.stdout + made.stderr).not.toContain(key)

  const [rotated = ''] = (await keys('rotate', id, '--grace', '60')).lines
  expect(rotated.split('_')[1]).toBe(id)
  for (const secret of [key, rotated]) expect(await initialize(url, secret)).toBe(200)
  expect((await keys('list', '--owner', 'nightly-build')).lines[0]).toContain('earlier secret until')
  expect((await keys('list', '--owner', 'somebody-else')).stdout).toBe('')

  expect((await keys('revoke', id, '--because', 'laptop was lost')).stdout).toContain('revoked=')
  await expect.poll(() => initialize(url, rotated)).toBe(401)
  expect(await initialize(url, key)).toBe(401)

  for (const [parameters, code, says] of [
    [[], 2, 'keys create NAME'],
    [['create'], 2, 'keys create NAME'],
    [['create', 'a', '--days', 'soon'], 2, '--days has to be a whole number'],
    [['create', 'a', '--addresses', 'everywhere'], 1, 'addresses must be'],
    [['create', 'a', '--surprise'], 2, 'keys create NAME'],
    [['revoke', 'aaaaaaaaaaaa'], 1, 'There is no key'],
    [['rotate', id], 1, 'has ended'],
  ] as const) {
    const failed = await keys(...parameters)
    expect(failed).toMatchObject({ code, stderr: expect.stringContaining(says) })
    expect(failed.stderr).not.toContain('    at ')
  }
})
