// Finds facts of the protocol that stand in code as literals: revisions, keys of `_meta`, and error codes. Comments may
// name them.
import ts from 'typescript'

/** Each literal as it is written, once. */
export function protocolFacts(text) {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true)
  const found = []
  const visit = (node) => {
    if (
      isText(node) &&
      (isRevision(node) || /io\\?\.modelcontextprotocol(?:\\?\/|$)|-3[12]\d{3}(?!\d)/.test(node.text))
    ) {
      found.push(node.getText())
    }
    if (isNegative(node) && isCode(Number(node.operand.text))) found.push(node.getText())
    ts.forEachChild(node, visit)
  }
  visit(source)
  return [...new Set(found)]
}

/** A string, a part of a template, or a regular expression. */
function isText(node) {
  return ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node) || ts.isRegularExpressionLiteral(node)
}

/** The only date that is not a revision of MCP is that of an API, in a header that says so. */
function isRevision(node) {
  if (!/20\d\d-\d\d-\d\d/.test(node.text)) return false
  return !(ts.isPropertyAssignment(node.parent) && /api-version/i.test(node.parent.name.getText()))
}

function isNegative(node) {
  return (
    ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.MinusToken && ts.isNumericLiteral(node.operand)
  )
}

/** Of JSON-RPC and MCP (-32768 to -32000), or of the gateway (-31000 minus an HTTP status). */
function isCode(number) {
  return number >= 31_000 && number <= 32_768
}
