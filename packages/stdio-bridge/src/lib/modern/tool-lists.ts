import { type EraServer, type EraServerInfo, parseSpan, rawJson } from '@mcp-gateway/core/eras'
import type { Connection } from '../mux/connection.js'
import { ownListen, ownRequest } from './own-request.js'

/** Where the list of a server's tools is had from. */
export interface ToolLists {
  /** For how long a list may be kept that does not say so itself, in ms. */
  readonly lifetime: number
  /** One page of `tools/list`; `undefined` where the server does not answer. */
  page(cursor: string | undefined): Promise<Readonly<Record<string, unknown>> | undefined>
  /** Tells when the list has changed, where the server tells that. */
  onChange(changed: () => void): void
}

/** Seconds that a page of the list may take. */
const patience = 10

/** The lists of a modern child. */
export function listByConnection(connection: Connection, isToldOfChanges: boolean): ToolLists {
  return {
    lifetime: 0,
    page: async (cursor) => {
      const params = cursor === undefined ? {} : { cursor }
      return (await ownRequest(connection, 'tools/list', params, patience))?.result ?? undefined
    },
    onChange: (changed) => {
      if (!isToldOfChanges) return
      ownListen(connection, { toolsListChanged: true }, (bytes) => {
        if (bytes.includes('/list_changed"')) changed()
      })
    },
  }
}

/** The lists of a legacy child, which never say how long they hold. */
export function listByTranslation(server: EraServer, { capabilities }: EraServerInfo): ToolLists {
  const declared = parse(capabilities) as { tools?: { listChanged?: unknown } }
  return {
    lifetime: declared.tools?.listChanged === true ? 3_600_000 : 60_000,
    page: async (cursor) => {
      if (declared.tools === undefined) return {}
      const params = rawJson(JSON.stringify(cursor === undefined ? {} : { cursor }))
      const answer = await server.call({ method: 'tools/list', params }, ownCaller())
      return 'result' in answer ? (parse(answer.result) as Record<string, unknown>) : undefined
    },
    onChange: (changed) => {
      void server.subscribe({ toolsListChanged: true }, changed, new AbortController().signal)
    },
  }
}

function ownCaller(): Parameters<EraServer['call']>[1] {
  return {
    principal: '\0bridge',
    protocolVersion: '2026-07-28',
    capabilities: rawJson('{}'),
    signal: AbortSignal.timeout(patience * 1000),
    notify: () => undefined,
    ask: () => Promise.resolve({ error: rawJson('{"code":-32601,"message":"Nobody is there to ask"}'), code: -32601 }),
  }
}

function parse(bytes: Uint8Array): unknown {
  return parseSpan(bytes, { start: 0, end: bytes.length }) ?? {}
}
