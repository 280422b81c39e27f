import {
  type EraServer,
  type EraServerInfo,
  legacyServer,
  listTools,
  type RawJson,
  ToolHeaders,
} from '@mcp-gateway/core/eras'
import type { Connection } from '../connection/connection.js'
import { ConnectionLink } from '../connection/connection-link.js'
import { timeLeft } from '../process/deadline.js'
import { cannotStart, tooSlowToStart } from '../refusals/refusals.js'
import type { ServingChild } from './child-groups.js'

/** A legacy child that serves modern requests. */
export interface LegacyChild extends ServingChild {
  readonly server: EraServer
  readonly info: EraServerInfo
  /** Those among the requests under way in whose course it may ask. */
  asking: number
}

/**
 * Initializes a legacy child.
 *
 * @param capabilities what it is told that its clients can do
 * @param until when it must have answered, by `performance.now()`
 * @throws {Refusal} when it refuses, ends or takes too long
 */
export async function startLegacyChild(
  connection: Connection,
  capabilities: RawJson,
  until: number,
): Promise<LegacyChild> {
  const { child } = connection
  const server = legacyServer({ link: new ConnectionLink(connection), capabilities })
  const timer = setTimeout(() => {
    child.wasTooSlow = true
    void child.stop()
    for (const pending of connection.pending.values()) connection.fail(pending, 'timeout')
  }, timeLeft(until))
  const info = await server.discover()
  clearTimeout(timer)
  if ('error' in info) {
    void child.stop()
    throw child.wasTooSlow ? tooSlowToStart : cannotStart
  }
  const tools = new ToolHeaders(listTools(server))
  return { connection, server, info, tools, inFlight: 0, asking: 0, usedAt: performance.now() }
}
