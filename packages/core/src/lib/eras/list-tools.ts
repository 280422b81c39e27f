import { parseSpan, rawJson } from '../json/raw-json.js'
import { errorCodes } from '../protocol/error-codes.js'
import { newestModern } from '../protocol/revisions.js'
import { failed } from './era-failure.js'
import type { EraServer, RawJson } from './era-server.js'
import { gatewayItself } from './modern-envelope.js'
import type { ToolLists } from './tool-headers.js'

/** Milliseconds that a page of the list may take. */
const timeoutMs = 10_000
/** For how long a list is believed: a server of an era that does not say so may not tell of changes either, in ms. */
const lifetime = 60_000
const nothing = rawJson('{}')
const nobody = failed('Nobody is there to ask', errorCodes.methodNotFound)

/**
 * The lists of any server that is behind a translation.
 *
 * @param principal for whom the server is asked; nobody in particular by default
 */
export function listTools(server: EraServer, principal: string = gatewayItself): ToolLists {
  return {
    page: async (cursor) => {
      const info = await server.discover()
      if ('error' in info) return undefined
      if ((parse(info.capabilities) as { tools?: unknown }).tools === undefined) return { ttlMs: lifetime }
      const params = cursor === undefined ? nothing : rawJson(JSON.stringify({ cursor }))
      const caller = {
        principal,
        protocolVersion: newestModern,
        capabilities: nothing,
        signal: AbortSignal.timeout(timeoutMs),
        notify: () => undefined,
        ask: () => Promise.resolve(nobody),
      }
      const answer = await server.call({ method: 'tools/list', params }, caller)
      return 'result' in answer ? { ...parse(answer.result), ttlMs: lifetime } : undefined
    },
    onChange: (changed) => {
      void server.subscribe({ toolsListChanged: true }, changed, new AbortController().signal)
    },
  }
}

function parse(bytes: RawJson): object {
  const value = parseSpan(bytes, { start: 0, end: bytes.length })
  return typeof value === 'object' && value !== null ? value : {}
}
