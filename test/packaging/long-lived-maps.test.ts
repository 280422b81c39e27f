import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// One process reads all samples, since the parser takes longer to load than to read them.
const script = join(import.meta.dirname, '../../scripts/long-lived-maps.mjs')

const samples: [string, string, string[]][] = [
  ['at the top of a module', 'const seen = new Map<string, number>()', ['seen']],
  ['in a field', 'class A { readonly #seen = new Set() }', ['#seen']],
  ['in a field with a type', 'class A { seen: Map<string, number> = new Map() }', ['seen']],
  ['kept by an inner function', 'function a() { const seen = new Map(); return (b) => seen.set(b, 1) }', ['seen']],
  ['kept by a method', 'function a() { let seen = new Set(); return { add(b) { seen.add(b) } } }', ['seen']],
  ['in a record', 'function a(b) { return { seen: new Map(), b } }', ['seen']],
  ['that is a class', 'export class Seen extends Set<string> {}', ['Seen']],
  ['of one call', 'function a(list) { const seen = new Set(list); return list.filter((b) => seen.has(b)) }', []],
  ['of constants', "const methods = new Set(['a', 'b'])", []],
  ['that is read-only by its type', 'class A { readonly none: ReadonlySet<string> = new Set() }', []],
]

test('the check of long-lived maps finds each that outlives a call, and no other', () => {
  const program = `import { longLivedMaps } from ${JSON.stringify(script)}
    console.log(JSON.stringify(${JSON.stringify(samples)}.map(([, code]) => longLivedMaps('sample.ts', code))))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const found: string[][] = JSON.parse(stdout)
  for (const [index, [what, , names]] of samples.entries()) expect(found[index], what).toEqual(names)
}, 60_000)
