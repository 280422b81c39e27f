import { type Span, scanObject } from '../json/json-scan.js'
import { at, parseSpan, rawJson } from '../json/raw-json.js'
import { withoutMembers } from '../json/without-members.js'
import type { RawJson } from './era-server.js'

/** What a modern server answered. */
export interface ModernResult {
  /** `complete` where it says nothing else. */
  readonly type: string
  /** The result, without what only the modern era writes into it. */
  readonly result: RawJson
  readonly inputRequests?: Span
  readonly requestState?: Span
}

/** Methods whose results say how long they may be kept (MCP M19); in other results those names are somebody else's. */
const cacheable = /^(?:server\/discover|(?:tools|prompts|resources|resources\/templates)\/list|resources\/read)$/

const serverInfoKey = 'io.modelcontextprotocol/serverInfo'

/** Reads a result of the modern era; its content is not parsed. */
export function readModernResult(result: RawJson, method: string): ModernResult {
  let type: unknown = 'complete'
  let inputRequests: Span | undefined
  let requestState: Span | undefined
  let meta: Span | undefined
  let isModern = false
  const isCacheable = cacheable.test(method)
  if (result[0] !== 0x7b) return { type: 'complete', result }
  scanObject(result, 0, (key, value) => {
    if (key === 'resultType') {
      type = parseSpan(result, value)
      isModern = true
    } else if (key === 'inputRequests') inputRequests = value
    else if (key === 'requestState') requestState = value
    else if (key === '_meta') meta = value
    else if (isCacheable && isCaching(key)) isModern = true
  })
  if (type !== 'complete') return { type: String(type), result, inputRequests, requestState }
  const rest = meta === undefined ? undefined : withoutServerInfo(at(result, meta))
  const isMetaChanged = meta !== undefined && rest?.length !== meta.end - meta.start
  if (!isModern && !isMetaChanged) return { type, result }
  const lean = withoutMembers(
    result,
    (key) => key === 'resultType' || (isCacheable && isCaching(key)) || (isMetaChanged && key === '_meta'),
  )
  return { type, result: !isMetaChanged || rest === undefined || isEmpty(rest) ? lean : withMeta(lean, rest) }
}

function isCaching(key: string): boolean {
  return key === 'ttlMs' || key === 'cacheScope'
}

function withoutServerInfo(meta: Uint8Array): Uint8Array {
  return meta[0] === 0x7b ? withoutMembers(meta, (key) => key === serverInfoKey) : meta
}

function isEmpty(object: Uint8Array): boolean {
  return object.length === 2 && object[0] === 0x7b
}

function withMeta(result: Uint8Array, meta: Uint8Array): Uint8Array {
  return isEmpty(result) ? rawJson('{"_meta":', meta, '}') : rawJson('{"_meta":', meta, ',', result.subarray(1))
}
