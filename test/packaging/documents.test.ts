import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test.each([
  ['the code of the READMEs compiles and is what the files that it names say', 'readme'],
  ['every example in a comment compiles', 'examples'],
])(
  '%s',
  (_, script) => {
    const root = join(import.meta.dirname, '../..')
    const { stderr } = spawnSync(process.execPath, [`scripts/${script}.mjs`], { cwd: root, encoding: 'utf8' })
    expect(stderr).toBe('')
  },
  120_000,
)
