import { isObject } from '../json/is-object.js'
import { checkJson } from '../message/check-json.js'
import { sha256 } from '../text/sha256.js'

/** What of a tool is pinned: all that a model or a client goes by. */
const pinned = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'] as const

const maxDepth = 64
const decoder = new TextDecoder('utf-8', { fatal: true })

/** A tool as it is pinned. */
export interface ToolDefinition {
  readonly name: string
  /** SHA-256 of {@link text}, base64url. */
  readonly digest: string
  /** Canonical JSON of what is pinned. */
  readonly text: string
}

/**
 * Reads what is pinned of a tool: name, title, description, both schemas, annotations and `_meta.ui`, whatever order and spacing
 * they are written in.
 *
 * @param bytes the tool, as its server lists it
 * @returns `undefined` where two readers could take it differently
 */
export async function definitionOf(bytes: Uint8Array): Promise<ToolDefinition | undefined> {
  let tool: unknown
  try {
    const text = decoder.decode(bytes)
    tool = JSON.parse(text)
    if (!isObject(tool) || checkJson(text, maxDepth) !== undefined) return undefined
  } catch {
    return undefined
  }
  if (typeof tool.name !== 'string') return undefined
  const own: Record<string, unknown> = {}
  for (const member of pinned) if (tool[member] !== undefined) own[member] = tool[member]
  const ui = isObject(tool._meta) ? tool._meta.ui : undefined
  if (ui !== undefined) own['_meta.ui'] = ui
  const text = canonical(own)
  return { name: tool.name, digest: await sha256(text), text }
}

/** JSON with the members of each object in the order of their names, and no space. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
  return `{${members.join(',')}}`
}

/** What differs between two definitions. */
export interface Difference {
  /** Such as `description`. */
  readonly member: string
  readonly before?: unknown
  readonly after?: unknown
}

/** @param before canonical JSON; `undefined` for a tool that is new */
export function differencesOf(before: string | undefined, after: string): Difference[] {
  const old: Record<string, unknown> = before === undefined ? {} : JSON.parse(before)
  const own: Record<string, unknown> = JSON.parse(after)
  const differences: Difference[] = []
  for (const member of new Set([...Object.keys(old), ...Object.keys(own)])) {
    if (canonical(old[member] ?? null) === canonical(own[member] ?? null)) continue
    differences.push({
      member,
      ...(old[member] !== undefined && { before: old[member] }),
      ...(own[member] !== undefined && { after: own[member] }),
    })
  }
  return differences
}
