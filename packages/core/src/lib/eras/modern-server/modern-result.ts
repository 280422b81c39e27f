import { type Span, scanObject } from '../../json/json-scan.js'
import { at, objectOfRuns, parseSpan, rawJson } from '../../json/raw-json.js'
import { withoutMembers } from '../../json/without-members.js'
import { metaKeys } from '../../protocol/meta-keys.js'
import { isCacheable } from '../../protocol/methods.js'
import type { RawJson } from '../era-server.js'

/** What a modern server answered. */
export interface ModernResult {
  /** `complete` where it says nothing else. */
  readonly type: string
  /** The result, without what only the modern era writes into it. */
  readonly result: RawJson
  readonly inputRequests?: Span
  readonly requestState?: Span
}

/**
 * Reads a result of the modern era; its content is not parsed. Where what stays of it is in one piece it stays in its
 * place, so the bytes must be read once.
 */
export function readModernResult(result: RawJson, method: string): ModernResult {
  if (result[0] !== 0x7b) return { type: 'complete', result }
  let type: unknown = 'complete'
  let inputRequests: Span | undefined
  let requestState: Span | undefined
  let meta: Uint8Array | undefined
  const mayBeKept = isCacheable(method)
  const isModern = (key: string, value: Span): boolean => {
    if (key === 'resultType') type = parseSpan(result, value)
    if (key === 'inputRequests') inputRequests = value
    if (key === 'requestState') requestState = value
    if (key === 'resultType' || (mayBeKept && (key === 'ttlMs' || key === 'cacheScope'))) return true
    const before = key === '_meta' && result[value.start] === 0x7b ? at(result, value) : undefined
    const rest = before && withoutMembers(before, (name) => name === metaKeys.serverInfo)
    if (rest === before) return false
    meta = rest
    return true
  }
  const runs: number[] = []
  let isInRun = false
  let isWhole = true
  scanObject(result, 0, (key, value, start) => {
    if (isModern(key, value)) {
      isWhole = false
      isInRun = false
    } else if (isInRun) {
      runs[runs.length - 1] = value.end
    } else {
      isInRun = true
      runs.push(start, value.end)
    }
  })
  if (type !== 'complete') return { type: String(type), result, inputRequests, requestState }
  return { type, result: isWhole ? result : join(result, runs, meta) }
}

/** What stays of a result, with this in place of its `_meta`; `runs` has start and end of each run of members. */
function join(result: RawJson, runs: readonly number[], meta: Uint8Array | undefined): RawJson {
  const hasMeta = meta !== undefined && meta.length > 2
  const [start, end] = runs
  if (start !== undefined && end !== undefined && runs.length === 2 && !hasMeta) {
    const piece = result.subarray(start - 1, end + 1)
    piece[0] = 0x7b
    piece[piece.length - 1] = 0x7d
    return piece
  }
  return objectOfRuns(result, runs, hasMeta ? rawJson('"_meta":', meta) : undefined)
}
