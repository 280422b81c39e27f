import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findings } from './findings.js'
import { requirements } from './index.js'
import { strings } from './strings.js'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'SECURITY-EVIDENCE.md'), 'utf8')
const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:-|Risk|Flaw|Finding)/.test(line))
const ids = (text: string) => [...text.matchAll(/`((?:attack|finding) \d+|[MLSRA]\d+)`/g)].map(([, id = '']) => id)
const titles = [...page.matchAll(/`([\w/.-]+\.test\.ts)`: _(.+?)_(?=[;. ]|$)/gm)].map(([, file = '', title = '']) => ({
  file,
  title,
}))

describe('the page of evidence', () => {
  test('has a row for each of the ten risks and nine flaws', () => {
    const named = rows.map((row) => /^\| (MCP\d\d|F\d)\b/.exec(row)?.[1]).filter((name) => name !== undefined)
    const wanted = Array.from({ length: 10 }, (_, index) => `MCP${String(index + 1).padStart(2, '0')}`)
    expect(named).toEqual([...wanted, ...Array.from({ length: 9 }, (_, index) => `F${index + 1}`)])
  })

  test('cites rules that exist and are held, and every finding', () => {
    const cited = new Set(ids(page))
    expect([...cited].filter((id) => !Object.hasOwn(requirements, id))).toEqual([])
    // Whether a finding is held, its own test says; the others are claims that stand.
    expect([...cited].filter((id) => !id.startsWith('finding') && !requirements[id]?.held)).toEqual([])
    expect(Object.keys(findings).filter((id) => !cited.has(id))).toEqual([])
  })

  test('proves each row by a rule that is held or by a test', () => {
    const empty = rows.filter((row) => !ids(row).some((id) => requirements[id]) && !row.includes('.test.ts`: _'))
    expect(empty).toEqual([])
  })

  test.each(titles)('names a test that exists: $file: $title', ({ file, title }) => {
    expect(existsSync(join(root, file))).toBe(true)
    expect(strings(join(root, file))).toContain(title)
  })

  test('names tests', () => {
    expect(titles).toHaveLength(page.match(/\.test\.ts`/g)?.length ?? 0)
    expect(titles.length).toBeGreaterThan(8)
  })
})
