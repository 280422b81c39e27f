import { closing, openingWithId, resultKey } from '../../json/json-rpc.js'
import { type Span, scanObject, skipSpace } from '../../json/json-scan.js'
import { allocate, rawJson } from '../../json/raw-json.js'
import { type Edit, splice } from '../../json/splice.js'
import { metaKeys } from '../../protocol/meta-keys.js'
import { isCacheable } from '../../protocol/methods.js'
import type { RawJson } from '../era-server.js'

/** Larger results are not looked into: what they say themselves comes behind what is added, and so holds. */
const scanUpTo = 65_536

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
  const { isWhole, hints, meta } = look(result)
  const mayBeKept = isCacheable(method)
  const edits: Edit[] = [{ start: 0, end: 0, bytes: rawJson(openingWithId, id, resultKey) }]
  if (isWhole && meta === undefined) {
    edits.push(frontOf(result, 0, usual(serverInfo, mayBeKept)))
  } else {
    const members: (string | Uint8Array)[] = []
    if (!hints.has('resultType')) members.push('"resultType":"complete"')
    if (mayBeKept && !hints.has('ttlMs')) members.push('"ttlMs":0')
    if (mayBeKept && !hints.has('cacheScope')) members.push('"cacheScope":"private"')
    if (serverInfo !== undefined && meta === undefined) members.push(rawJson('"_meta":{', infoKey, serverInfo, '}'))
    if (members.length > 0) edits.push(inFront(result, 0, members))
    const isObject = meta !== undefined && result[meta.start] === 0x7b
    if (serverInfo !== undefined && isObject) edits.push(inFront(result, meta.start, [rawJson(infoKey, serverInfo)]))
  }
  edits.push({ start: result.length, end: result.length, bytes: closing })
  return splice(result, edits, allocate)
}

const infoKey = rawJson(`"${metaKeys.serverInfo}":`)
const comma = rawJson(',')

interface Found {
  /** Whether nothing that is added is in it already. */
  readonly isWhole: boolean
  /** What is in it of what is added. */
  readonly hints: ReadonlySet<string>
  readonly meta: Span | undefined
}

const nothing: ReadonlySet<string> = new Set()

function look(result: RawJson): Found {
  if (result.length > scanUpTo) return { isWhole: true, hints: nothing, meta: undefined }
  let hints: Set<string> | undefined
  let meta: Span | undefined
  scanObject(result, 0, (key, value) => {
    if (key === '_meta') meta = value
    else if (key === 'resultType' || key === 'ttlMs' || key === 'cacheScope') {
      hints ??= new Set()
      hints.add(key)
    }
  })
  return { isWhole: hints === undefined, hints: hints ?? nothing, meta }
}

/** What is added to nearly every result of a server, made once. */
const made = new WeakMap<RawJson, { plain: RawJson; cacheable: RawJson }>()
const anonymous = rawJson('null')

function usual(serverInfo: RawJson | undefined, mayBeKept: boolean): RawJson {
  const key = serverInfo ?? anonymous
  let known = made.get(key)
  if (known === undefined) {
    const meta = serverInfo === undefined ? [] : [',"_meta":{', infoKey, serverInfo, '}']
    const plain = rawJson('"resultType":"complete"', ...meta)
    const cacheable = rawJson('"resultType":"complete","ttlMs":0,"cacheScope":"private"', ...meta)
    known = { plain, cacheable }
    made.set(key, known)
  }
  return mayBeKept ? known.cacheable : known.plain
}

function frontOf(bytes: RawJson, start: number, members: RawJson): Edit {
  const isEmpty = bytes[skipSpace(bytes, start + 1)] === 0x7d
  return { start: start + 1, end: start + 1, bytes: isEmpty ? members : rawJson(members, comma) }
}

/** An edit that puts members at the front of the object that starts at `start`. */
export function inFront(bytes: RawJson, start: number, members: readonly (string | Uint8Array)[]): Edit {
  return frontOf(
    bytes,
    start,
    rawJson(...members.flatMap((member, index) => (index === 0 ? [member] : [comma, member]))),
  )
}
