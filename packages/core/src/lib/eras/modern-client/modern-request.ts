import { member, type Span, scanObject, skipSpace } from '../../json/json-scan.js'
import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { withoutMembers } from '../../json/without-members.js'
import { callerKeys, metaKeys } from '../../protocol/meta-keys.js'
import type { EraRequest, RawJson } from '../era-server.js'

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

const none = rawJson('{}')
const noId = rawJson('null')

/** Takes a request of the modern era apart; that it is a valid one has been checked (MCP M6 to M11). */
export function readModernRequest(bytes: Uint8Array, method: string): ModernRequest {
  let id = noId
  let params: RawJson | undefined
  scanObject(bytes, skipSpace(bytes, 0), (key, value) => {
    if (key === 'id') id = at(bytes, value)
    else if (key === 'params') params = at(bytes, value)
  })
  return { method, id, ...readParams(params) }
}

function readParams(params: RawJson | undefined): Omit<ModernRequest, 'method' | 'id'> {
  if (params === undefined || params[0] !== 0x7b) return { params, protocolVersion: '', capabilities: none }
  const whole = params
  let meta: Span | undefined
  let inputResponses: RawJson | undefined
  let requestState: Span | undefined
  scanObject(whole, 0, (key, value) => {
    if (key === '_meta') meta = value
    else if (key === 'inputResponses') inputResponses = at(whole, value)
    else if (key === 'requestState') requestState = value
  })
  return {
    params: neutral(whole, meta, inputResponses !== undefined || requestState !== undefined),
    ...readMeta(meta === undefined ? none : at(whole, meta)),
    inputResponses,
    requestState: parseSpan(whole, requestState),
  }
}

function readMeta(meta: RawJson) {
  let protocolVersion: Span | undefined
  let capabilities = none
  let clientInfo: RawJson | undefined
  let logLevel: Span | undefined
  let progressToken: RawJson | undefined
  if (meta[0] === 0x7b) {
    scanObject(meta, 0, (key, value) => {
      if (key === 'progressToken') progressToken = at(meta, value)
      else if (key === metaKeys.protocolVersion) protocolVersion = value
      else if (key === metaKeys.clientCapabilities) capabilities = at(meta, value)
      else if (key === metaKeys.clientInfo) clientInfo = at(meta, value)
      else if (key === metaKeys.logLevel) logLevel = value
    })
  }
  const text = (span: Span | undefined) => {
    const value = span && parseSpan(meta, span)
    return typeof value === 'string' ? value : undefined
  }
  return {
    protocolVersion: text(protocolVersion) ?? '',
    capabilities,
    clientInfo,
    logLevel: text(logLevel),
    progressToken,
  }
}

function neutral(params: RawJson, meta: Span | undefined, isRetry: boolean): RawJson {
  const lean = isRetry ? withoutMembers(params, (key) => key === 'inputResponses' || key === 'requestState') : params
  if (meta === undefined || params[meta.start] !== 0x7b) return lean
  const left = withoutMembers(at(params, meta), (key) => callerKeys.has(key))
  // Most requests of the other era have no `_meta`
  if (left.length === 2) return withoutMembers(lean, (key) => key === '_meta')
  const span = lean === params ? meta : member(lean, { start: 0, end: lean.length }, '_meta')
  return span === undefined ? lean : rawJson(lean.subarray(0, span.start), left, lean.subarray(span.end))
}
