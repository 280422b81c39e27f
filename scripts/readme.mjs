// Checks the READMEs: every `ts` block compiles, a block below `<!-- code: path -->` is that file, and what a link names is there.
// Every package and example has one; the one of the examples' gateway names all of its settings.
// `npm run readme -- --write` copies the files into the READMEs.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { compile } from './compile.mjs'
import { surroundings } from './surroundings.mjs'

const root = join(import.meta.dirname, '..')
const write = process.argv.includes('--write')
const problems = []

const readmes = ['packages', 'examples']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name, 'README.md')))
  .concat(['README.md', 'ARCHITECTURE.md', 'packages/forward-auth/recipes/README.md'].map((file) => join(root, file)))
  .filter((file) => {
    if (!existsSync(file)) problems.push(`${relative(root, file)} is missing`)
    return existsSync(file)
  })

const blocks = readmes.flatMap(sync)
if (blocks.length === 0) problems.push('No README has code')
problems.push(...compile(blocks))
for (const readme of readmes) checkLinks(readme)
checkSettings()

if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}

/** Compares the blocks that name a file with it, and returns all TypeScript blocks. */
function sync(readme) {
  const name = relative(root, readme)
  const before = readFileSync(readme, 'utf8')
  const after = before.replace(
    /(<!-- code: (\S+) -->\n+```\w+\n)([\s\S]*?)(```)/g,
    (block, head, path, code, fence) => {
      const file = join(root, path)
      if (!existsSync(file)) {
        problems.push(`${name}: there is no ${path}`)
        return block
      }
      const text = readFileSync(file, 'utf8')
      if (text !== code && !write)
        problems.push(`${name}: the code of ${path} is out of date; npm run readme -- --write`)
      return head + text + fence
    },
  )
  if (write && after !== before) writeFileSync(readme, after)
  return [...(write ? after : before).matchAll(/^```(tsx?)\n([\s\S]*?)^```/gm)].map(([, kind, code], index) => {
    // What is pasted from the first page has to be whole; further in, our own names are known.
    const head = readme.startsWith(join(root, 'packages')) ? surroundings(code).join('\n') : ''
    return {
      file: join(root, `${name.replace(/[/.]/g, '-')}-${index + 1}.${kind}`),
      place: `${name}, code block ${index + 1}`,
      code: `${head}\n${code}`,
      offset: head.split('\n').length,
    }
  })
}

/** Links to files of the repository lead to files. */
function checkLinks(readme) {
  const text = readFileSync(readme, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '')
  for (const [, target] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)\s]*)?\)/g)) {
    if (/^[a-z]+:/i.test(target) || existsSync(join(dirname(readme), target))) continue
    problems.push(`${relative(root, readme)}: there is no ${target}`)
  }
}

/** Every variable that the examples read is in their table of settings. */
function checkSettings() {
  const folder = join(root, 'examples/gateway')
  const text = readFileSync(join(folder, 'README.md'), 'utf8')
  for (const [, name] of readFileSync(join(folder, 'src/settings.ts'), 'utf8').matchAll(/^ {2}([A-Z][A-Z_]+): z\b/gm)) {
    if (!text.includes(`| \`${name}\``)) problems.push(`examples/gateway/README.md does not name ${name}`)
  }
}
