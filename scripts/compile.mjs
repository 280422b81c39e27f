import { join } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')

/**
 * Type-checks pieces of code as modules of this repository, against the sources of the packages.
 *
 * @param {{ file: string, place: string, code: string, offset?: number }[]} pieces `file` is where the code pretends to
 *   be, `place` what a problem is reported for, `offset` the lines of the code that its reader does not see
 * @returns {string[]} the problems
 */
export function compile(pieces) {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      noUnusedLocals: false,
      noUnusedParameters: false,
      verbatimModuleSyntax: false,
      jsx: 'preserve',
    },
    root,
  )
  const host = ts.createCompilerHost(options)
  const codes = new Map(pieces.map(({ file, code }) => [file, code]))
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (file) => codes.has(file) || fileExists(file)
  host.readFile = (file) => codes.get(file) ?? readFile(file)
  host.getSourceFile = (file, languageVersion, ...rest) =>
    codes.has(file)
      ? ts.createSourceFile(file, codes.get(file), languageVersion)
      : getSourceFile.call(host, file, languageVersion, ...rest)
  const program = ts.createProgram([...codes.keys()], options, host)
  return pieces.flatMap(({ file, place, offset = 0 }) => {
    const source = program.getSourceFile(file)
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    return diagnostics.map(({ messageText, start }) => {
      const line = source.getLineAndCharacterOfPosition(start ?? 0).line + 1 - offset
      return `${place}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    })
  })
}
