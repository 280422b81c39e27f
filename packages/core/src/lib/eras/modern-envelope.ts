import { member, skipSpace } from '../json/json-scan.js'
import { rawJson } from '../json/raw-json.js'
import { withoutMembers } from '../json/without-members.js'
import { gatewayInfo } from '../protocol/gateway-info.js'
import { metaKeys } from '../protocol/meta-keys.js'
import type { EraCaller, RawJson } from './era-server.js'

/** Who asks what the gateway asks for itself, or for nobody in particular; no user has this name. */
export const gatewayItself = '\0gateway'

/** What a modern request says of its client in `_meta`. */
export type ModernCaller = Pick<EraCaller, 'capabilities' | 'clientInfo' | 'logLevel'>

const none = rawJson('{}')
/** Clients declare their capabilities once and send many requests. */
const known = new WeakMap<RawJson, Omit<ModernCaller, 'capabilities'> & { version: string; envelope: Uint8Array }>()

/** The members of a modern request's `_meta` that tell who asks (MCP M6, M11), without braces. */
function envelopeOf(version: string, { capabilities, clientInfo, logLevel }: ModernCaller): Uint8Array {
  const before = known.get(capabilities)
  const isSame = before?.logLevel === logLevel && before?.clientInfo === clientInfo && before?.version === version
  if (before !== undefined && isSame) return before.envelope
  const envelope = rawJson(
    `"${metaKeys.protocolVersion}":"${version}","${metaKeys.clientCapabilities}":`,
    capabilities,
    ...(clientInfo === undefined ? [] : [`,"${metaKeys.clientInfo}":`, clientInfo]),
    logLevel === undefined ? '' : `,"${metaKeys.logLevel}":${JSON.stringify(logLevel)}`,
  )
  known.set(capabilities, { version, clientInfo, logLevel, envelope })
  return envelope
}

/**
 * The `params` of a modern request: those of the neutral one, with who asks in `_meta`.
 *
 * @param version the revision that is spoken with the server
 * @param more further members, each with a comma behind it
 */
export function modernParams(
  version: string,
  params: RawJson | undefined,
  caller: ModernCaller,
  more: Uint8Array = nothing,
): RawJson {
  const envelope = envelopeOf(version, caller)
  if (params === undefined) return rawJson('{', more, '"_meta":{', envelope, '}}')
  const meta = member(params, { start: 0, end: params.length }, '_meta')
  if (meta === undefined || params[meta.start] !== 0x7b) {
    const rest = meta === undefined ? params : withoutMembers(params, (key) => key === '_meta')
    return rawJson('{', more, '"_meta":{', envelope, '}', isEmpty(rest, 0) ? '' : ',', rest.subarray(1))
  }
  const inner = meta.start + 1
  const comma = isEmpty(params, meta.start) ? '' : ','
  return rawJson('{', more, params.subarray(1, inner), envelope, comma, params.subarray(inner))
}

/** `params` of a request of the gateway itself. */
export function ownParams(version: string, more: Uint8Array = nothing): RawJson {
  return modernParams(version, undefined, { capabilities: none, clientInfo: gateway }, more)
}

const gateway = rawJson(JSON.stringify(gatewayInfo))
const nothing = new Uint8Array()

function isEmpty(bytes: Uint8Array, at: number): boolean {
  return bytes[skipSpace(bytes, at + 1)] === 0x7d
}
