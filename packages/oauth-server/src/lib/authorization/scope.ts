/** RFC 6749 section 3.3 */
const grammar = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

/** Splits a `scope` parameter; `undefined` if it breaks the grammar. */
export function parseScope(scope: string): string[] | undefined {
  return grammar.test(scope) ? [...new Set(scope.split(' '))] : undefined
}
