import { member } from '../../json/json-scan.js'
import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { withoutSpans } from '../../json/without-members.js'
import { type KnownMember, named, scanKnownMembers } from '../../message/known-members.js'
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

/**
 * Takes a request of the modern era apart; that it is a valid one has been checked (MCP M6 to M11).
 *
 * @param members where its members are, if that is known already
 */
export function readModernRequest(
  bytes: Uint8Array,
  method: string,
  members: readonly KnownMember[] = scanKnownMembers(bytes),
): ModernRequest {
  const id = named(members, 'id')
  const params = named(members, 'params')
  return { method, id: id === undefined ? noId : at(bytes, id), ...readParams(bytes, params) }
}

function readParams(bytes: Uint8Array, params: KnownMember | undefined): Omit<ModernRequest, 'method' | 'id'> {
  if (params === undefined) return { params, protocolVersion: '', capabilities: none }
  const { members } = params
  const inputResponses = named(members, 'inputResponses')
  const meta = named(members, '_meta')
  return {
    params: neutral(bytes, params, meta),
    ...readMeta(bytes, meta?.members),
    inputResponses: inputResponses && at(bytes, inputResponses),
    requestState: parseSpan(bytes, named(members, 'requestState')),
  }
}

function readMeta(bytes: Uint8Array, members: readonly KnownMember[] | undefined) {
  const raw = (name: string) => {
    const span = named(members, name)
    return span && at(bytes, span)
  }
  const text = (name: string) => {
    const value = parseSpan(bytes, named(members, name))
    return typeof value === 'string' ? value : undefined
  }
  return {
    protocolVersion: text(metaKeys.protocolVersion) ?? '',
    capabilities: raw(metaKeys.clientCapabilities) ?? none,
    clientInfo: raw(metaKeys.clientInfo),
    logLevel: text(metaKeys.logLevel),
    progressToken: raw('progressToken'),
  }
}

function neutral(bytes: Uint8Array, params: KnownMember, meta: KnownMember | undefined): RawJson {
  const ofEra = params.members.filter(({ name }) => name === 'inputResponses' || name === 'requestState')
  if (meta === undefined || bytes[meta.start] !== 0x7b) return withoutSpans(bytes, params, ofEra)
  const callers = meta.members.filter(({ name }) => callerKeys.has(name))
  const left = withoutSpans(bytes, meta, callers)
  // Most requests of the other era have no `_meta`
  if (left.length === 2) {
    const cuts = params.members.filter((one) => one.name === '_meta' || ofEra.includes(one))
    return withoutSpans(bytes, params, cuts)
  }
  const lean = withoutSpans(bytes, params, ofEra)
  const span =
    ofEra.length === 0
      ? { start: meta.start - params.start, end: meta.end - params.start }
      : member(lean, { start: 0, end: lean.length }, '_meta')
  return span === undefined ? lean : rawJson(lean.subarray(0, span.start), left, lean.subarray(span.end))
}
