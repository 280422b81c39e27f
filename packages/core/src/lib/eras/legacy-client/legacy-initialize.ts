import { parseSpan, rawJson } from '../../json/raw-json.js'
import { legacyVersions, newestLegacy } from '../../protocol/revisions.js'
import type { EraFilter, EraServerInfo, RawJson } from '../era-server.js'
import { membersOf } from '../members-of.js'

/** What a server has to tell without being asked. */
export interface Tells extends EraFilter {
  /** Whether it tells of updates of single resources. */
  readonly subscriptions: boolean
  readonly logs: boolean
}

interface Capabilities {
  readonly logging?: unknown
  readonly tools?: { readonly listChanged?: unknown }
  readonly prompts?: { readonly listChanged?: unknown }
  readonly resources?: { readonly listChanged?: unknown; readonly subscribe?: unknown }
}

/**
 * The result of `initialize` for a server of another era: the revision that the client asks for where it is one of the
 * legacy era, or else the last one; the server's own capabilities, name and instructions.
 */
export function answerInitialize(
  params: RawJson | undefined,
  { capabilities, serverInfo, instructions }: EraServerInfo,
): { readonly version: string; readonly result: RawJson; readonly tells: Tells } {
  const asked =
    params === undefined ? undefined : parseSpan(params, membersOf(params, ['protocolVersion']).protocolVersion)
  const version = legacyVersions.find((one) => one === asked) ?? newestLegacy
  const declared = (parseSpan(capabilities, { start: 0, end: capabilities.length }) ?? {}) as Capabilities
  const result = rawJson(
    `{"protocolVersion":"${version}","capabilities":`,
    capabilities,
    ',"serverInfo":',
    serverInfo ?? '{"name":"unknown","version":"unknown"}',
    ...(instructions === undefined ? [] : [',"instructions":', instructions]),
    '}',
  )
  const tells = {
    toolsListChanged: declared.tools?.listChanged === true,
    promptsListChanged: declared.prompts?.listChanged === true,
    resourcesListChanged: declared.resources?.listChanged === true,
    subscriptions: declared.resources?.subscribe === true,
    logs: declared.logging !== undefined,
  }
  return { version, result, tells }
}
