import type { ToolLists } from '@mcp-gateway/core/eras'
import type { Connection } from '../connection/connection.js'
import { ownListen, ownRequest } from './own-request.js'

/** Seconds that a page of the list may take. */
const timeoutMs = 10

/** The lists of a modern child. */
export function listByConnection(connection: Connection, isToldOfChanges: boolean): ToolLists {
  return {
    page: async (cursor) => {
      const params = cursor === undefined ? {} : { cursor }
      return (await ownRequest(connection, 'tools/list', params, timeoutMs))?.result ?? undefined
    },
    onChange: (changed) => {
      if (!isToldOfChanges) return
      ownListen(connection, { toolsListChanged: true }, (bytes) => {
        if (bytes.includes('/list_changed"')) changed()
      })
    },
  }
}
