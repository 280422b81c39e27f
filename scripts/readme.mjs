// Checks the code of the READMEs: every `ts` block compiles, and a block below `<!-- code: path -->` is that file.
// `npm run readme -- --write` copies the files into the READMEs.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')
const write = process.argv.includes('--write')
const problems = []

const readmes = ['packages', 'examples']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name, 'README.md')))
  .concat(join(root, 'README.md'), join(root, 'ARCHITECTURE.md'))
  .filter((file) => existsSync(file))

const blocks = readmes.flatMap(sync)
if (blocks.length === 0) problems.push('No README has code')
compile(blocks)

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
  return [...(write ? after : before).matchAll(/^```(tsx?)\n([\s\S]*?)^```/gm)].map(([, kind, code], index) => ({
    file: join(root, `${name.replace(/[/.]/g, '-')}-${index + 1}.${kind}`),
    place: `${name}, code block ${index + 1}`,
    code,
  }))
}

/** Type-checks the blocks as modules of this repository, against the sources of the packages. */
function compile(blocks) {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...config.compilerOptions, noUnusedLocals: false, jsx: 'preserve' },
    root,
  )
  const host = ts.createCompilerHost(options)
  const codes = new Map(blocks.map((block) => [block.file, block]))
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (file) => codes.has(file) || fileExists(file)
  host.readFile = (file) => codes.get(file)?.code ?? readFile(file)
  host.getSourceFile = (file, languageVersion, ...rest) =>
    codes.has(file)
      ? ts.createSourceFile(file, codes.get(file).code, languageVersion)
      : getSourceFile.call(host, file, languageVersion, ...rest)
  const program = ts.createProgram([...codes.keys()], options, host)
  for (const { file, place } of blocks) {
    const source = program.getSourceFile(file)
    for (const { messageText, start } of [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ]) {
      const line = source.getLineAndCharacterOfPosition(start ?? 0).line + 1
      problems.push(`${place}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
    }
  }
}
