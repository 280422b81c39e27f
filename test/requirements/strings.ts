import { readFileSync } from 'node:fs'
import ts from 'typescript'

/** The strings of a source file, of which some are titles of tests. Comments do not count. */
export function strings(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) found.push(node.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}
