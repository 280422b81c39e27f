// Checks the rules of ARCHITECTURE.md that no general tool knows; .dependency-cruiser.mjs has those about imports. Prints one
// line per broken rule.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { longLivedMaps } from './long-lived-maps.mjs'
import { protocolFacts } from './protocol-facts.mjs'

const root = join(import.meta.dirname, '..')

/** Entries that run on any web-standard runtime, so that nothing they import may import a `node:` module. */
const neutral = {
  core: [
    'index',
    'gateway',
    'proxy',
    'keys',
    'api-keys',
    'storage',
    'logging',
    'introspection',
    'oauth-client',
    'upstream-token',
    'vault',
    'next',
    'dpop',
    'presets',
    'testing',
    'eras',
    'internal',
  ],
  'oauth-server': 'all',
  'forward-auth': ['index'],
  'storage-adapters': 'all',
}

/** What each map and set that outlives a call is keyed by, and what bounds it: read before it was written down. */
const boundedMaps = JSON.parse(readFileSync(join(import.meta.dirname, 'bounded-maps.json'), 'utf8'))
/**
 * Classes of the language, which no host replaces. Everything that the platform adds to it (`Response`, `Request`,
 * `Headers`, `URL`, `ReadableStream`, `Blob`, `FormData`, `AbortSignal`, `DOMException` ...) may be another class when a
 * value is looked at than when it was made: `@hono/node-server` and undici replace them in a process under way.
 */
const languageClasses = new Set(
  'Error TypeError RangeError SyntaxError AggregateError Date Map Set WeakMap Promise RegExp ArrayBuffer Uint8Array'.split(
    ' ',
  ),
)

const problems = []
const report = (file, problem) => problems.push(`${relative(root, file)}: ${problem}`)

for (const name of readdirSync(join(root, 'packages'))) {
  const folder = join(root, 'packages', name)
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const entries = entriesOf(join(folder, 'src'))
  checkExports(folder, manifest, entries)
  for (const file of sources(join(folder, 'src'))) checkFile(folder, file)
  const neutralEntries = neutral[name] === 'all' ? entries : (neutral[name] ?? []).map((entry) => `${entry}.ts`)
  for (const entry of neutralEntries) checkNeutral(join(folder, 'src', entry))
}

for (const [path, entries] of Object.entries(boundedMaps)) {
  const file = join(root, path)
  const found = existsSync(file) ? longLivedMaps(file) : []
  for (const name of Object.keys(entries).filter((name) => !found.includes(name))) {
    report(file, `has no ${name} that outlives a call; take it out of scripts/bounded-maps.json`)
  }
}

function checkExports(folder, manifest, entries) {
  const paths = Object.keys(manifest.exports).filter((path) => path !== './package.json')
  const expected = entries.map((file) => (file === 'index.ts' ? '.' : `./${file.slice(0, -3)}`))
  for (const path of paths.filter((path) => !expected.includes(path))) {
    report(join(folder, 'package.json'), `exports ${path}, which has no file in src`)
  }
  for (const path of expected.filter((path) => !paths.includes(path))) {
    report(join(folder, 'src'), `has a file for ${path}, which package.json does not export`)
  }
  for (const path of paths) {
    const file = path === '.' ? 'index' : path.slice(2)
    const wanted = {
      '@mcp-gateway/source': `./src/${file}.ts`,
      types: `./dist/${file}.d.ts`,
      default: `./dist/${file}.js`,
    }
    if (JSON.stringify(manifest.exports[path]) !== JSON.stringify(wanted)) {
      report(join(folder, 'package.json'), `${path} has to be exported as ${JSON.stringify(wanted)}`)
    }
  }
}

function checkFile(folder, file) {
  const text = readFileSync(file, 'utf8')
  if (/^utils?\.ts$/.test(basename(file))) report(file, 'has a name that says nothing')
  if (/^export \{\}/m.test(text)) report(file, 'exports nothing')
  if (/\b(TODO|FIXME|XXX)\b/.test(text)) report(file, 'has a note about unfinished work')
  const isEntry = !relative(join(folder, 'src'), file).replaceAll('\\', '/').startsWith('lib/')
  if (isEntry && /export \*/.test(text)) report(file, 'has to name what it exports')

  // What helps to test runs beside no stranger
  const maps = relative(folder, file).includes('testing/') ? [] : longLivedMaps(file, text)
  for (const map of maps) {
    const { key, bound } = boundedMaps[relative(root, file)]?.[map] ?? {}
    if (key && bound) continue
    report(
      file,
      `keeps ${map} beyond one call; bound it, and say in scripts/bounded-maps.json what keys it and what bounds it`,
    )
  }
  for (const name of platformInstances(text)) {
    report(file, `has instanceof ${name}; hosts replace the platform's classes, so tag values or look at their members`)
  }

  const isProtocol = relative(root, file).replaceAll('\\', '/').startsWith('packages/core/src/lib/protocol/')
  for (const fact of isProtocol ? [] : protocolFacts(text)) {
    report(file, `has ${fact}, which belongs into packages/core/src/lib/protocol`)
  }
}

/** Follows the imports of an entry within its package. */
function checkNeutral(entry) {
  const seen = new Set()
  const visit = (file, trail) => {
    if (seen.has(file)) return
    seen.add(file)
    for (const specifier of imports(readFileSync(file, 'utf8'))) {
      if (specifier.startsWith('node:'))
        report(entry, `reaches ${specifier} by ${[...trail, file].map((part) => basename(part)).join(' -> ')}`)
      const next = join(dirname(file), specifier.replace(/\.js$/, '.ts'))
      if (specifier.startsWith('.') && existsSync(next)) visit(next, [...trail, file])
    }
  }
  if (existsSync(entry)) visit(entry, [])
}

/** What stands behind `instanceof` and is neither a class of the language nor declared or imported as one in this file. */
function platformInstances(text) {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest)
  const own = new Set()
  const used = []
  const visit = (node) => {
    if (ts.isClassLike(node) || ts.isImportClause(node) || ts.isImportSpecifier(node) || ts.isNamespaceImport(node)) {
      if (node.name !== undefined) own.add(node.name.text)
    }
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword)
      used.push(node.right)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return used
    .filter((right) => {
      let first = right
      while (ts.isPropertyAccessExpression(first)) first = first.expression
      return !ts.isIdentifier(first) || !(own.has(first.text) || (first === right && languageClasses.has(first.text)))
    })
    .map((right) => right.getText(source))
}

/** The modules that the code loads: type-only imports are gone at run time. */
function imports(text) {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest)
  const found = []
  const visit = (node) => {
    const typeOnly = node.importClause?.isTypeOnly || node.isTypeOnly
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier && !typeOnly) {
      found.push(node.moduleSpecifier.text)
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      if (ts.isStringLiteralLike(node.arguments[0])) found.push(node.arguments[0].text)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return path.endsWith('.ts') && !isTest(path) ? [path] : []
  })
}

function isTest(file) {
  return /\.test(-d)?\.ts$/.test(file)
}

/** The files of a folder that are import paths: all but those in `lib`. */
function entriesOf(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts') && !isTest(file) && !file.startsWith('lib/'))
}

/** A function that reads what somebody else wrote has to be measured, or the table says why it need not be. */
function checkReaders() {
  const table = readFileSync(join(root, 'test', 'readers', 'table.ts'), 'utf8')
  const reader = /^export (?:async )?(?:function\*? ?|class )((?:read|parse|scan|split|decode)[A-Z]\w*|\w+Reader)\b/gm
  for (const name of readdirSync(join(root, 'packages'))) {
    for (const file of sources(join(root, 'packages', name, 'src', 'lib'))) {
      if (/[/\\]testing[/\\]/.test(file)) continue
      for (const [, found] of readFileSync(file, 'utf8').matchAll(reader)) {
        const id = `${relative(root, file).replaceAll('\\', '/')}#${found}`
        if (!table.includes(`'${id}'`)) report(file, `${found} is not in test/readers/table.ts`)
      }
    }
  }
  for (const [, path, exported] of table.matchAll(/'(packages\/[^'#]+)#(\w+)/g)) {
    const file = join(root, path)
    if (!existsSync(file) || !new RegExp(`\\b${exported}\\b`).test(readFileSync(file, 'utf8'))) {
      report(join(root, 'test', 'readers', 'table.ts'), `names ${path}#${exported}, which is not there`)
    }
  }
}
checkReaders()

if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
