import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Citation, citations } from './citations.js'
import { requirements } from './index.js'

const root = join(import.meta.dirname, '../..')

function testFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return /^(node_modules|dist|\.next)$/.test(entry.name) ? [] : testFiles(path)
    return entry.name.endsWith('.test.ts') && !path.startsWith('test/requirements/') ? [path] : []
  })
}

const cited: Citation[] = ['packages', 'examples', 'test'].flatMap((folder) =>
  testFiles(folder).flatMap((file) => citations(join(root, file)).map((citation) => ({ ...citation, file }))),
)

test('every rule that we claim to hold is cited by a test', () => {
  const ids = new Set(cited.map(({ id }) => id))
  const unproven = Object.keys(requirements).filter((id) => requirements[id]?.held && !ids.has(id))
  expect(unproven).toEqual([])
})

test('every cited id exists', () => {
  const unknown = cited.filter(({ id }) => !Object.hasOwn(requirements, id))
  expect(unknown.map(({ id, file, line }) => `${file}:${line} [${id}]`)).toEqual([])
})

test('every rule that a test cites is claimed as held', () => {
  const silent = new Set(cited.map(({ id }) => id).filter((id) => requirements[id]?.held === false))
  expect([...silent]).toEqual([])
})

test('the table has every id of the protocol and all attacks', () => {
  const range = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)
  expect(Object.keys(requirements).sort()).toEqual(
    [
      ...range('M', 26),
      ...range('L', 10),
      ...range('S', 5),
      ...range('R', 7),
      ...range('A', 10),
      ...range('attack ', 168),
      ...range('finding ', 27),
    ].sort(),
  )
})

test.each([
  ["test('refuses [M7]', run)", ['M7']],
  ["test.each([['a [attack 3, attack 4]']])('%s', run)", ['attack 3', 'attack 4']],
  ['test(`the second is refused [S1]`, run)', ['S1']],
  ["test('refuses [attack 3,4]', run)", ['attack 3,4']],
  ["// [M7]\ntest('nothing', run)", []],
])('citations are read from the strings of %s', (text, ids) => {
  expect(citations('sample.test.ts', text).map(({ id }) => id)).toEqual(ids)
})
