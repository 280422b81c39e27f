import { type Span, scanObject, skipSpace } from '../json/json-scan.js'
import { rawJson } from '../json/raw-json.js'
import { type Edit, splice } from '../json/splice.js'
import type { RawJson } from './era-server.js'

/** Methods whose results have to say how long they may be kept, and by whom (MCP M19). */
const cacheable: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
])

const serverInfoKey = 'io.modelcontextprotocol/serverInfo'
/** Larger results are not looked into: what they say themselves comes behind what is added, and so holds. */
const scanUpTo = 65_536

// Memory that is filled at once need not be cleared first, where the host offers that
const host = globalThis as { Buffer?: { allocUnsafe?: (length: number) => Uint8Array } }
const allocate = (length: number): Uint8Array => host.Buffer?.allocUnsafe?.(length) ?? new Uint8Array(length)

/**
 * The answer to a modern request with a result of the legacy era: with what each result of the modern one says of
 * itself (MCP M19), where it does not do so already. `undefined` for a result that is no object.
 */
export function completeResult(
  id: RawJson,
  method: string,
  result: RawJson,
  serverInfo: RawJson | undefined,
): RawJson | undefined {
  if (result[0] !== 0x7b) return undefined
  const has = result.length > scanUpTo ? {} : membersOf(result)
  const members: (string | Uint8Array)[] = []
  if (has.resultType === undefined) members.push('"resultType":"complete"')
  if (cacheable.has(method)) {
    if (has.ttlMs === undefined) members.push('"ttlMs":0')
    if (has.cacheScope === undefined) members.push('"cacheScope":"private"')
  }
  const edits: Edit[] = []
  if (serverInfo !== undefined) {
    const { _meta } = has
    if (_meta === undefined) members.push(rawJson(`"_meta":{"${serverInfoKey}":`, serverInfo, '}'))
    else if (result[_meta.start] === 0x7b)
      edits.push(inFront(result, _meta.start, [rawJson(`"${serverInfoKey}":`, serverInfo)]))
  }
  if (members.length > 0) edits.push(inFront(result, 0, members))
  return splice(
    result,
    [
      { start: 0, end: 0, bytes: rawJson('{"jsonrpc":"2.0","id":', id, ',"result":') },
      ...edits,
      { start: result.length, end: result.length, bytes: closing },
    ],
    allocate,
  )
}

const closing = rawJson('}')

/** An edit that puts members at the front of the object that starts at `start`. */
export function inFront(bytes: RawJson, start: number, members: readonly (string | Uint8Array)[]): Edit {
  const isEmpty = bytes[skipSpace(bytes, start + 1)] === 0x7d
  const parts = members.flatMap((member, index) => (index === 0 ? [member] : [',', member]))
  return { start: start + 1, end: start + 1, bytes: rawJson(...parts, isEmpty ? '' : ',') }
}

function membersOf(result: RawJson): Partial<Record<string, Span>> {
  const found: Partial<Record<string, Span>> = {}
  scanObject(result, 0, (key, value) => {
    found[key] = value
  })
  return found
}
