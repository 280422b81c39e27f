import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { keyFormat } from './key-format.js'

const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8')
const block = (language: string, start: string) =>
  readme.match(new RegExp(`\`\`\`${language}\\n(${start}[\\s\\S]*?)\`\`\``))?.[1] ?? ''

const gitleaks = block('toml', '# \\.gitleaks').match(/regex = '''(.*)'''/)?.[1] ?? ''
const trufflehog: { detectors: { keywords: string[]; regex: { key: string } }[] } = parse(block('yaml', '# trufflehog'))

test.each([
  ['gitleaks', gitleaks],
  ['trufflehog', trufflehog.detectors[0]?.regex.key ?? ''],
])('the rule for %s in the README finds keys, whole, in what people commit', (_, rule) => {
  const { key } = keyFormat('mcpg').make()
  for (const text of [
    key,
    `API_KEY=${key}`,
    `{"token":"${key}"}`,
    `Authorization: Bearer ${key}\n`,
    `https://a/?k=${key}&b=1`,
  ]) {
    expect([...text.matchAll(new RegExp(rule, 'g'))].map(([found]) => found)).toEqual([key])
  }
  for (const text of [`x${key}`, `${key}x`, key.toUpperCase(), keyFormat('acme').make().key, 'mcpg_ID_SECRET']) {
    expect(text).not.toMatch(new RegExp(rule))
  }
  expect(trufflehog.detectors[0]?.keywords).toEqual(['mcpg_'])
})
