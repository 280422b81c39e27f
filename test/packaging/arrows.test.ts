import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'arrows-'))

afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** Which rules of .dependency-cruiser.mjs each of these files breaks. */
function broken(files: Record<string, string>): Record<string, string[]> {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  copyFileSync(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'))
  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
  const args = ['--config', join(root, '.dependency-cruiser.mjs'), '--output-type', 'json', 'packages']
  const { stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8' })
  expect(stderr).toBe('')
  // A circle is reported once, or once for each file in it
  const { summary } = JSON.parse(stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } }
  const found: Record<string, string[]> = {}
  for (const { from, rule } of summary.violations) {
    const file = from.replace(/two\.ts$/, 'one.ts')
    found[file] = [...new Set([...(found[file] ?? []), rule.name])].toSorted()
  }
  return found
}

const lib = 'packages/core/src/lib'

test('an import that ARCHITECTURE.md does not allow fails, for types alone too', () => {
  const found = broken({
    [`${lib}/contract/up.ts`]: "import type { B } from '../http/b.js'\nexport type A = B\n",
    [`${lib}/tokens/up.ts`]: "export type { R } from '../resource-server/r.js'\n",
    [`${lib}/http/up.ts`]: "import { p } from '../proxy/p.js'\nexport const u = p\n",
    [`${lib}/http/one.ts`]: "import type { Two } from './two.js'\nexport type One = Two[]\n",
    [`${lib}/http/two.ts`]: "import type { One } from './one.js'\nexport type Two = One[]\n",
    [`${lib}/attic/x.ts`]: "import type { B } from '../http/b.js'\nexport type X = B\n",
    [`${lib}/http/entry.ts`]: "import type { B } from '../../index.js'\nexport type E = B\n",
    [`${lib}/http/sdk.ts`]: "import type { Client } from '@modelcontextprotocol/client'\nexport type C = Client\n",
    'packages/forward-auth/src/lib/out.ts': "import type { B } from '../../../core/src/index.js'\nexport type O = B\n",
    'packages/forward-auth/src/lib/deep.ts':
      "import type { B } from '../../../core/src/lib/http/b.js'\nexport type D = B\n",
    [`${lib}/json/side.ts`]: "import type { O } from '../../../../forward-auth/src/lib/out.js'\nexport type S = O\n",
    // What is allowed: below, beside, tests
    [`${lib}/http/b.ts`]: 'export interface B {}\n',
    [`${lib}/proxy/p.ts`]: "import type { B } from '../http/b.js'\nexport const p: B = {}\n",
    [`${lib}/resource-server/r.ts`]: "import type { B } from '../http/b.js'\nexport type R = B\n",
    [`${lib}/contract/up.test.ts`]: "import { p } from '../proxy/p.js'\np.toString()\n",
    'packages/core/src/index.ts': "export type { B } from './lib/http/b.js'\n",
  })
  expect(found).toEqual({
    [`${lib}/contract/up.ts`]: ['contract-floor-imports-upward'],
    [`${lib}/tokens/up.ts`]: ['message-floor-imports-upward'],
    [`${lib}/http/up.ts`]: ['http-floor-imports-upward'],
    [`${lib}/http/one.ts`]: ['no-circle'],
    [`${lib}/attic/x.ts`]: ['wing-is-unknown'],
    [`${lib}/http/entry.ts`]: ['lib-imports-entry'],
    [`${lib}/http/sdk.ts`]: ['sdk-is-on-no-data-path'],
    'packages/forward-auth/src/lib/out.ts': ['reaches-out-of-its-package'],
    'packages/forward-auth/src/lib/deep.ts': ['packages-import-core-alone', 'reaches-out-of-its-package'],
    [`${lib}/json/side.ts`]: ['core-imports-no-package', 'packages-import-core-alone', 'reaches-out-of-its-package'],
  })
})
