import { readFileSync } from 'node:fs'
import ts from 'typescript'

/** A test title that cites a rule. */
export interface Citation {
  /** The id between the brackets, or the whole bracket where it is malformed. */
  id: string
  /** The file, as it was given. */
  file: string
  /** The line of the title, counted from 1. */
  line: number
}

const bracket = /\[((?:attack|finding|[MLSRA]\d)[^\]]*)\]/g

/**
 * Reads the ids that the strings of a test file cite: titles, and the rows that `test.each` puts into titles.
 * Comments do not count.
 */
export function citations(file: string, text: string = readFileSync(file, 'utf8')): Citation[] {
  if (!text.match(bracket)) return []
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
  const found: Citation[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
      for (const [, ids = ''] of node.text.matchAll(bracket)) {
        found.push(...ids.split(', ').map((id) => ({ id, file, line })))
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}
