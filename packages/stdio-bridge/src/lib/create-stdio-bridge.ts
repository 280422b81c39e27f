import {
  type Context,
  compose,
  type Handler,
  jsonRpcError,
  type Mountable,
  message,
  mountable,
} from '@mcp-gateway/core'
import { legacyLeg } from './legacy/legacy-leg.js'
import { SessionSource } from './legacy/open-session.js'
import type { Traffic } from './mux/connection.js'
import { readOptions, type StdioBridgeOptions } from './options.js'
import { Nursery } from './process/nursery.js'
import { Watchdog } from './process/watchdog.js'
import type { BridgeStats } from './stats.js'
import { createTicker } from './ticker.js'

/** A stdio MCP server as a handler. */
export interface StdioBridge extends Mountable {
  /** What the bridge is doing and has done. */
  readonly stats: () => BridgeStats
  /** Refuses what is new, ends the sessions and stops every child; resolves when no process is left. */
  readonly close: () => Promise<void>
}

/**
 * Serves a stdio MCP server over Streamable HTTP: one child process per session, bound to the user whose token opened
 * it. Messages pass byte for byte; only ids and progress tokens are rewritten. It starts nothing before the first
 * request, does not check tokens (put `bearerAuth` or a gateway in front) and is no sandbox: the child may do what the
 * user it runs as may do.
 *
 * @throws {GatewayError} `invalid_configuration` at construction, for options that cannot work
 * @see MCP transports: stdio and Streamable HTTP, rules L1 to L10 and S1 to S5
 * @example
 * ```ts
 * const files = createStdioBridge({ command: 'npx', args: ['-y', '@modelcontextprotocol/server-filesystem', '/srv'] })
 * ```
 */
export function createStdioBridge(options: StdioBridgeOptions): StdioBridge {
  const settings = readOptions(options)
  const { spec, logger, maxMessageBytes: maxLineBytes, stopGrace } = settings
  const traffic: Traffic = { requests: 0, rubbish: 0, unknownAnswers: 0 }
  const nursery = new Nursery({ spec, logger, watchdog: new Watchdog(logger), maxLineBytes, stopGrace })
  const source = new SessionSource(settings, nursery, traffic)
  const leg = legacyLeg(source)
  let closing: Promise<void> | undefined
  const ticker = createTicker((now, keepAlive) => source.tick(now, keepAlive), settings)

  const serve: Handler = (request, context) => {
    if (closing !== undefined) {
      return jsonRpcError({ status: 503, message: 'The bridge is shutting down; try again' }, { 'Retry-After': '5' })
    }
    ticker.start()
    return leg(request, context)
  }
  const alone = compose([message()], serve)

  const handle = (request: Request, context: Context) => {
    const { method } = request
    if (method === 'POST') return context.message === undefined ? alone(request, context) : serve(request, context)
    if (method === 'GET' || method === 'DELETE') return serve(request, context)
    return jsonRpcError({ status: 405, message: 'Use POST, GET or DELETE' }, { Allow: 'POST, GET, DELETE' })
  }

  const close = async () => {
    ticker.stop()
    for (const session of source.sessions) session.end()
    await nursery.close()
  }

  return mountable({
    handle,
    stats: () => ({
      children: nursery.children.size,
      sessions: source.sessions.size,
      inFlight: [...source.sessions].reduce((sum, session) => sum + session.inFlight, 0),
      ...nursery.counts,
      ...traffic,
    }),
    close: () => {
      closing ??= close()
      return closing
    },
  })
}
