import { GatewayError } from '@mcp-gateway/core'
import { parseMessage } from '@mcp-gateway/core/gateway'
import { gatewayInfo, isRefusal, newestLegacy } from '@mcp-gateway/core/internal'
import { bridgeItself } from './children/own-request.js'
import type { Connection } from './connection/connection.js'
import type { Starter } from './process/starter.js'

/** For how long a good answer stands for the next ones, in ms. */
const freshFor = 30_000

/**
 * Makes the check whether the server can start and answers. A child that is at work says so; with none, one is started
 * for it, at most every half minute.
 *
 */
export function createCheck(
  starter: Starter,
  isAnswering: () => boolean,
  connect: () => Promise<Connection>,
  isModern: () => Promise<boolean>,
  timeout: number,
): () => Promise<void> {
  let goodUntil = 0
  let asking: Promise<void> | undefined
  const ask = async () => {
    const connection = await connect().catch((refusal) => {
      throw isRefusal(refusal) ? unavailable(refusal.description) : refusal
    })
    const isGood = await handshake(connection, timeout)
    void connection.child.stop()
    // A modern server may die of an `initialize`, or not answer it
    if (!isGood && !(await isModern())) throw unavailable('The MCP server does not answer after its start')
    goodUntil = performance.now() + freshFor
  }
  return async () => {
    if (starter.isBroken) throw unavailable('The MCP server has failed to start several times')
    if (isAnswering() || performance.now() < goodUntil) return
    asking ??= ask().finally(() => {
      asking = undefined
    })
    await asking
  }
}

/** Any answer will do: a modern server refuses `initialize`, and lives. */
function handshake(connection: Connection, timeout: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      connection.child.wasTooSlow = true
      resolve(false)
    }, timeout * 1000)
    const answer = () => {
      clearTimeout(timer)
      resolve(connection.child.hasAnswered)
    }
    const params = {
      protocolVersion: newestLegacy,
      capabilities: {},
      clientInfo: gatewayInfo,
    }
    const message = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })))
    connection.request(message, { waiter: { related: () => undefined, answer }, principal: bridgeItself })
  })
}

function unavailable(message: string): GatewayError {
  return new GatewayError('temporarily_unavailable', message)
}
