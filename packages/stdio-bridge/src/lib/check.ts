import { type Degraded, GatewayError } from '@mcp-gateway/core'
import { parseMessage } from '@mcp-gateway/core/gateway'
import { gatewayInfo, isRefusal, newestLegacy, rawRequest } from '@mcp-gateway/core/internal'
import { eitherEra } from './children/either-era.js'
import { bridgeItself } from './children/own-request.js'
import type { Connection } from './connection/connection.js'
import { deadline, silenceBefore, timeLeft } from './process/deadline.js'

/** For how long a good answer stands for the next ones, in ms. */
const freshFor = 30_000

/** What the check of a bridge looks at. */
export interface CheckOptions {
  /** Whether the last starts failed, so that no more are tried for a while. */
  readonly isBroken: () => boolean
  /** Whether a child is there that has answered. */
  readonly isAnswering: () => boolean
  /** How many children failed to start or ended by themselves so far. */
  readonly failures: () => number
  /** Starts a child, which must have answered by then, of `performance.now()`. */
  readonly connect: (until: number) => Promise<Connection>
  /** Asks whether the server speaks a modern revision, until then. */
  readonly isModern: (until: number) => Promise<boolean>
  /** Seconds from the start of a child to its first answer. */
  readonly timeout: number
}

/**
 * Makes the check whether the server can start and answers. A child that is at work says so; with none, one is started
 * for it, at most every half minute unless one has failed since. While starts are paused because they failed, it waits for
 * the pause to end like everybody, and then tries: a server that is put right again needs no restart of the bridge.
 */
export function createCheck({
  isBroken,
  isAnswering,
  failures,
  connect,
  isModern,
  timeout,
}: CheckOptions): () => Promise<Degraded | undefined> {
  let good = { until: 0, failures: 0 }
  let asking: Promise<void> | undefined
  const ask = async () => {
    const until = deadline(timeout)
    const connection = await connect(until).catch((refusal) => {
      throw isRefusal(refusal) ? unavailable(refusal.description) : refusal
    })
    // A modern server may die of an `initialize`, or not answer it
    const isGood = await eitherEra(handshake(connection, until), {
      refuses: (outcome) => 'error' in outcome || !outcome.answer,
      ask: async () => (await isModern(until)) || undefined,
      drop: () => undefined,
      after: silenceBefore(until),
    })
    void connection.child.stop()
    if (!isGood) throw unavailable('The MCP server does not answer after its start')
    good = { until: performance.now() + freshFor, failures: failures() }
  }
  return async () => {
    if (isAnswering()) return isBroken() ? { degraded: 'New processes of the MCP server fail to start' } : undefined
    if (performance.now() < good.until && failures() === good.failures) return undefined
    asking ??= ask().finally(() => {
      asking = undefined
    })
    await asking
    return undefined
  }
}

/** Any answer will do: a modern server refuses `initialize`, and lives. */
function handshake(connection: Connection, until: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      connection.child.wasTooSlow = true
      resolve(false)
    }, timeLeft(until))
    const answer = () => {
      clearTimeout(timer)
      resolve(connection.child.hasAnswered)
    }
    const params = {
      protocolVersion: newestLegacy,
      capabilities: {},
      clientInfo: gatewayInfo,
    }
    const message = parseMessage(rawRequest(0, 'initialize', JSON.stringify(params)))
    connection.request(message, { waiter: { related: () => undefined, answer }, principal: bridgeItself })
  })
}

function unavailable(message: string): GatewayError {
  return new GatewayError('temporarily_unavailable', message)
}
