// Finds each Map and Set that outlives one call: at the top of a module, in a field of a class, in a function whose
// inner functions go on using it, or as a class of its own. What a stranger can add to without end is a way to end the process.
import { readFileSync } from 'node:fs'
import ts from 'typescript'

/** Where they are, as `name` of the variable or field, or of what holds it. */
export function longLivedMaps(file, text = readFileSync(file, 'utf8')) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found = []
  const visit = (node) => {
    const isCollection =
      ts.isNewExpression(node) && ts.isIdentifier(node.expression) && /^(?:Map|Set)$/.test(node.expression.text)
    if (isCollection && !isConstant(node) && outlivesCall(node)) found.push(nameOf(node))
    if (ts.isClassDeclaration(node) && isKindOfCollection(node)) found.push(node.name.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return [...new Set(found)]
}

/** A class whose every object is a collection. */
function isKindOfCollection({ heritageClauses = [] }) {
  return heritageClauses.some(({ types }) => types.some(({ expression }) => /^(?:Map|Set)$/.test(expression.getText())))
}

/** Filled where it is made, and never added to; or read-only by its type. */
function isConstant(node) {
  const holder = ts.findAncestor(node, (each) => ts.isVariableDeclaration(each) || ts.isPropertyDeclaration(each))
  if (holder?.type !== undefined && /^Readonly(?:Map|Set)</.test(holder.type.getText())) return true
  if ((node.arguments ?? []).length === 0 || holder === undefined) return false
  const name = holder.name.getText().replace('#', '\\#')
  return !new RegExp(`(?<![\\w])${name}\\??\\.(?:set|add)\\(`).test(node.getSourceFile().text)
}

function outlivesCall(node) {
  const holder = ts.findAncestor(
    node,
    (each) => ts.isFunctionLike(each) || ts.isPropertyDeclaration(each) || ts.isSourceFile(each),
  )
  if (!ts.isFunctionLike(holder)) return true
  const declaration = ts.findAncestor(node, (each) => each === holder || ts.isVariableDeclaration(each))
  // Put into a record or given away: whoever gets it may keep it
  if (!ts.isVariableDeclaration(declaration)) return ts.isPropertyAssignment(node.parent)
  // Reassigned or used in a function that is returned
  return isUsedInside(holder, declaration)
}

function isUsedInside(holder, declaration) {
  if (!ts.isIdentifier(declaration.name)) return false
  const name = declaration.name.text
  let used = false
  const visit = (node, depth) => {
    if (depth > 0 && ts.isIdentifier(node) && node.text === name) used = true
    const inner = ts.isFunctionLike(node) && !isCallback(node) ? 1 : 0
    ts.forEachChild(node, (child) => visit(child, depth + inner))
  }
  ts.forEachChild(holder, (child) => visit(child, 0))
  return used
}

/** A function that is handed to a call at once, such as that of `map` or `forEach`. */
function isCallback(node) {
  return ts.isCallExpression(node.parent) && node.parent.expression !== node
}

function nameOf(node) {
  const named = ts.findAncestor(
    node,
    (each) =>
      ts.isVariableDeclaration(each) ||
      ts.isPropertyDeclaration(each) ||
      ts.isPropertyAssignment(each) ||
      ts.isSourceFile(each),
  )
  return ts.isSourceFile(named) ? '(without a name)' : named.name.getText()
}
