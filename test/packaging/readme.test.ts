import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('the code of the READMEs compiles and is what the files that it names say', () => {
  const { stderr } = spawnSync(process.execPath, ['scripts/readme.mjs'], {
    cwd: join(import.meta.dirname, '../..'),
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
}, 60_000)
