import { type Span, scanObject, skipSpace } from '../json/json-scan.js'
import { at, parseSpan, rawJson } from '../json/raw-json.js'
import { withoutMembers } from '../json/without-members.js'
import type { EraRequest, RawJson } from './era-server.js'

/** A request of the modern era in parts: those that know no era, and those that only this one has. */
export interface ModernRequest extends EraRequest {
  /** The id as the client wrote it. */
  readonly id: RawJson
  readonly protocolVersion: string
  readonly capabilities: RawJson
  readonly clientInfo?: RawJson
  readonly logLevel?: string
  readonly progressToken?: RawJson
  /** The answers that a retry brings. */
  readonly inputResponses?: RawJson
  /** What a retry echoes: anything that the client wrote there, or `undefined`. */
  readonly requestState?: unknown
}

const prefix = 'io.modelcontextprotocol/'
/** What `_meta` holds for this era alone. */
const own: ReadonlySet<string> = new Set(
  ['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel'].map((key) => prefix + key),
)

type Members = Partial<Record<string, Span>>

/** Takes a request of the modern era apart; that it is a valid one has been checked (MCP M6 to M11). */
export function readModernRequest(bytes: Uint8Array, method: string): ModernRequest {
  const { id, params } = membersAt(bytes, skipSpace(bytes, 0))
  const raw = params && at(bytes, params)
  const { _meta, inputResponses, requestState } = raw === undefined ? none : membersAt(raw, 0)
  const meta = raw && _meta && at(raw, _meta)
  const known = meta === undefined ? none : membersAt(meta, 0)
  const part = (key: string) => meta && known[key] && at(meta, known[key])
  const text = (key: string) => {
    const value = meta && parseSpan(meta, known[prefix + key])
    return typeof value === 'string' ? value : undefined
  }
  return {
    method,
    params: raw && neutral(raw, _meta, inputResponses !== undefined || requestState !== undefined),
    id: id === undefined ? rawJson('null') : at(bytes, id),
    protocolVersion: text('protocolVersion') ?? '',
    capabilities: part(`${prefix}clientCapabilities`) ?? rawJson('{}'),
    clientInfo: part(`${prefix}clientInfo`),
    logLevel: text('logLevel'),
    progressToken: part('progressToken'),
    inputResponses: raw && inputResponses && at(raw, inputResponses),
    requestState: raw && parseSpan(raw, requestState),
  }
}

const none: Members = {}

function membersAt(bytes: Uint8Array, start: number): Members {
  const found: Members = {}
  if (bytes[start] !== 0x7b) return found
  scanObject(bytes, start, (key, value) => {
    found[key] = value
  })
  return found
}

function neutral(params: RawJson, meta: Span | undefined, isRetry: boolean): RawJson {
  const lean = isRetry ? withoutMembers(params, (key) => key === 'inputResponses' || key === 'requestState') : params
  if (meta === undefined || params[meta.start] !== 0x7b) return lean
  const left = withoutMembers(at(params, meta), (key) => own.has(key))
  // Most requests of the other era have no `_meta`
  if (left.length === 2) return withoutMembers(lean, (key) => key === '_meta')
  const span = lean === params ? meta : membersAt(lean, 0)._meta
  return span === undefined ? lean : rawJson(lean.subarray(0, span.start), left, lean.subarray(span.end))
}
