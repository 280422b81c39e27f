// Type-checks every `@example` of the packages.
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { compile } from './compile.mjs'
import { files, surroundings } from './surroundings.mjs'

const root = join(import.meta.dirname, '..')
const problems = compile(files.flatMap(examples))

if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}

function examples(file) {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/@example[^\n]*\n((?:\s*\*(?!\/)[^\n]*\n)+)/g)].map(([, comment], index) => {
    const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, ''))
    const code = lines.join('\n').match(/```ts\n([\s\S]*?)```/)?.[1] ?? lines.join('\n')
    const written = code.match(/^import .*$/gm) ?? []
    const body = code.replace(/^import .*$/gm, '').replace(/^export (default )?/gm, '')
    const head = [...written, ...surroundings(code, file)].join('\n')
    return {
      file: join(
        dirname(file),
        `${index + 1}.example.ts`.replace(/^/, `${relative(dirname(file), file).slice(0, -3)}.`),
      ),
      place: `${relative(root, file)}, example ${index + 1}`,
      code: `${head}\nasync function example() {\n${body}\n}\nvoid example\n`,
      offset: head.split('\n').length + 1,
    }
  })
}
