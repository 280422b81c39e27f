import { type ScannedList, type ScannedLists, scanLists } from '../catalogue/scan-lists.js'
import { equalBytes } from '../json/equal-bytes.js'
import { at, joinJson } from '../json/raw-json.js'
import { type Edit, splice } from '../json/splice.js'

const encoder = new TextEncoder()
const privately = encoder.encode('"private"')

/**
 * Takes out of the lists of an answer what is not to be seen. What stays keeps its bytes and its order, and the cursor is the
 * server's own, also of a page with nothing left. An answer that differs by caller is nobody else's: its `cacheScope` becomes
 * `private`.
 *
 * @param bytes a JSON-RPC response
 * @param isVisible for each item of each list, in order
 */
export function withoutHidden(
  bytes: Uint8Array,
  { lists, cacheScope }: ScannedLists,
  isVisible: (list: number, item: number) => boolean,
): Uint8Array {
  const edits: Edit[] = []
  for (const [number, list] of lists.entries()) {
    const kept = keptItems(bytes, list, (item) => isVisible(number, item))
    if (kept !== undefined) edits.push({ start: list.start, end: list.end, bytes: kept })
  }
  const scope = privateScope(bytes, { cacheScope })
  if (scope !== undefined) edits.push(scope)
  return edits.length === 0 ? bytes : splice(bytes, edits, (length) => new Uint8Array(length))
}

/** What makes the answer the caller's alone (MCP M19). */
function privateScope(bytes: Uint8Array, { cacheScope }: Pick<ScannedLists, 'cacheScope'>): Edit | undefined {
  if (cacheScope === undefined || equalBytes(at(bytes, cacheScope), privately)) return undefined
  return { ...cacheScope, bytes: privately }
}

/** The same for an answer in which there are no lists to filter, such as the text of a resource. */
export function withPrivateScope(bytes: Uint8Array): Uint8Array {
  const scope = privateScope(bytes, scanLists(bytes))
  return scope === undefined ? bytes : splice(bytes, [scope], (length) => new Uint8Array(length))
}

/** The array of what is visible; `undefined` where all of it is. */
function keptItems(
  bytes: Uint8Array,
  { items }: ScannedList,
  isVisible: (item: number) => boolean,
): Uint8Array | undefined {
  // Neighbours stay as they were, with what is between them
  const runs: { start: number; end: number }[] = []
  let isWhole = true
  let run: { start: number; end: number } | undefined
  for (const [number, { start, end }] of items.entries()) {
    if (!isVisible(number)) {
      isWhole = false
      run = undefined
    } else if (run === undefined) {
      run = { start, end }
      runs.push(run)
    } else run.end = end
  }
  if (isWhole) return undefined
  const parts = runs.flatMap((span, index) => (index === 0 ? [at(bytes, span)] : [comma, at(bytes, span)]))
  return joinJson([open, ...parts, close])
}

const open = encoder.encode('[')
const comma = encoder.encode(',')
const close = encoder.encode(']')
