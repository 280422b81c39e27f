import { parseMessage } from '@mcp-gateway/core/gateway'
import { errorCodes, gatewayInfo, metaKeys, newestModern, newestShared, rawRequest } from '@mcp-gateway/core/internal'
import type { Connection } from '../connection/connection.js'
import type { Pending } from '../connection/peer.js'

/** Who the bridge's own requests belong to; no user has this name, and it makes nobody's child another's. */
export const bridgeItself = '\0bridge'

/** What came of a request of the bridge itself. */
export interface OwnAnswer {
  readonly result?: Record<string, unknown> | null
  readonly error?: { readonly code: number; readonly data?: unknown } | null
}

/** What is spoken with a child that refused the newest revision (MCP M7). */
const spoken = new WeakMap<Connection, string>()

/**
 * Sends a request of the bridge's own to a modern child, in the newest revision that it has in common with us. Resolves
 * with `undefined` when there was no answer, in time or at all.
 *
 * @param timeout ms
 */
export async function ownRequest(
  connection: Connection,
  method: string,
  params: Record<string, unknown>,
  timeout: number,
): Promise<OwnAnswer | undefined> {
  const asked = revisionOf(connection)
  const answer = await ask(connection, method, params, timeout)
  if (answer?.error?.code !== errorCodes.unsupportedVersion) return answer
  const { supported } = (answer.error.data ?? {}) as { supported?: unknown }
  const shared = newestShared(supported)
  if (shared === undefined || shared === asked) return answer
  spoken.set(connection, shared)
  return ask(connection, method, params, timeout)
}

function revisionOf(connection: Connection): string {
  return spoken.get(connection) ?? newestModern
}

function ask(
  connection: Connection,
  method: string,
  params: Record<string, unknown>,
  timeout: number,
): Promise<OwnAnswer | undefined> {
  return new Promise((resolve) => {
    let pending: Pending | undefined
    const timer = setTimeout(() => {
      if (pending !== undefined) connection.giveUp(pending)
    }, timeout)
    const answer = (bytes: Buffer | undefined) => {
      clearTimeout(timer)
      resolve(bytes === undefined || connection.isOver || !connection.child.hasAnswered ? undefined : parse(bytes))
    }
    pending = send(connection, method, params, { related: () => undefined, answer })
  })
}

/** Listens to a child for the bridge itself; `related` hears of each notification until the child is gone. */
export function ownListen(
  connection: Connection,
  notifications: Record<string, unknown>,
  related: (bytes: Buffer) => void,
): void {
  send(connection, 'subscriptions/listen', { notifications }, { related, answer: () => undefined })
}

function send(
  connection: Connection,
  method: string,
  params: Record<string, unknown>,
  waiter: Pending['waiter'],
): Pending {
  const meta = {
    [metaKeys.protocolVersion]: revisionOf(connection),
    [metaKeys.clientInfo]: gatewayInfo,
    [metaKeys.clientCapabilities]: {},
  }
  const message = parseMessage(rawRequest(0, method, JSON.stringify({ ...params, _meta: meta })))
  return connection.request(message, { waiter, principal: bridgeItself })
}

function parse(bytes: Buffer): OwnAnswer | undefined {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
