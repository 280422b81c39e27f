import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const script = join(import.meta.dirname, '../../scripts/protocol-facts.mjs')

const samples: [string, string, string[]][] = [
  ['a revision', "const version = '2099-01-01'", ["'2099-01-01'"]],
  ['a revision in a text', `const text = \`Send \${name} or 2099-01-01\``, ['} or 2099-01-01`']],
  ['a key of _meta', "const key = 'io.modelcontextprotocol/a'", ["'io.modelcontextprotocol/a'"]],
  ['the prefix of one', `const key = \`io.modelcontextprotocol/\${name}\``, ['`io.modelcontextprotocol/$' + '{']],
  ['a pattern of them', 'const key = /^io\\.modelcontextprotocol\\/a$/', ['/^io\\.modelcontextprotocol\\/a$/']],
  ['a code of JSON-RPC', 'refuse(-32600)', ['-32600']],
  ['a code of the gateway', 'refuse(-31000 - status, -31_429)', ['-31000', '-31_429']],
  ['a code in a text', 'const error = \'{"code":-32603}\'', ['\'{"code":-32603}\'']],
  ['in comments', '/** -32600 in 2099-01-01 */ const a = 1 // io.modelcontextprotocol/a', []],
  ['what is something else', "const a = [-32, 32600, '20-01-01', '@modelcontextprotocol/sdk']", []],
  ['the revision of another API', "const headers = { 'X-GitHub-Api-Version': '2022-11-28' }", []],
]

test('the check of protocol facts finds each literal, and nothing in comments', () => {
  const program = `import { protocolFacts } from ${JSON.stringify(script)}
    console.log(JSON.stringify(${JSON.stringify(samples)}.map(([, code]) => protocolFacts(code))))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const found: string[][] = JSON.parse(stdout)
  for (const [index, [what, , facts]] of samples.entries()) expect(found[index], what).toEqual(facts)
}, 60_000)
