import type { Server } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { Mountable } from '../../contract/handler.js'
import type { Logger } from '../../contract/logger.js'
import {
  callable,
  checkOptions,
  listOf,
  notNegative,
  type OptionTypes,
  oneOf,
  optional,
  withMethods,
} from '../../contract/option-types.js'
import { loggerType } from '../../contract/shared-option-types.js'
import { createLogger } from '../../logging/create-logger.js'

/** How a server goes away. Durations are in seconds. */
export interface CloseOnSignalOptions {
  /**
   * From when `/ready` answers 503 until no new connections are taken: so long load balancers have to notice. Meanwhile
   * everything is served, and each answer closes its connection. Longer than the interval of their checks, times the failures
   * that they wait for. On SIGINT, which is a person at a terminal, there is none.
   *
   * @default 5
   */
  readonly readinessDelay?: number
  /**
   * How long the requests under way have after that. Then their connections are cut.
   *
   * @default 20
   */
  readonly timeout?: number
  /** What else has to end, such as the connections of the storage. Called last. */
  readonly onClosed?: () => unknown
  /**
   * The signals to listen to.
   *
   * @default SIGTERM and SIGINT
   */
  readonly signals?: readonly ('SIGTERM' | 'SIGINT' | 'SIGHUP')[]
  /** Hears of the steps; JSON lines to standard output by default. */
  readonly logger?: Logger
}

/** How long a request may take to arrive over a connection that was taken last, in seconds. */
const arrival = 0.5

/** What is closed: a gateway, or any `Mountable`. */
export type Closable = Pick<Mountable, 'willClose' | 'close'>

/** One Ctrl-C arrives twice where npm passes on what the terminal has delivered already. */
const sameSignal = 300

/**
 * Ends a Node server on SIGTERM and SIGINT so that a rolling restart refuses nobody: `/ready` answers 503, and for
 * `readinessDelay` everything is still served; then no new connection is taken, what is under way ends, the gateway closes with
 * its children and streams, and the process exits with 0. It exits with 1 when closing fails. A second signal does not wait.
 *
 * @param server from `createServer` of `node:http` or `node:https`, or what `app.listen(…)` of a framework returns
 * @param app the gateway
 * @throws {GatewayError} `invalid_configuration` for a wrong option
 * @example
 * ```ts
 * import { closeOnSignal, toNodeHandler } from '@mcp-gateway/core/node'
 *
 * const server = createServer(toNodeHandler(gateway)).listen(3000)
 * closeOnSignal(server, gateway, { readinessDelay: 10, onClosed: () => client.quit() })
 * ```
 */
export function closeOnSignal(server: Server, app: Closable, options: CloseOnSignalOptions = {}): void {
  withMethods(
    'a server, such as createServer(…) or app.listen(…)',
    'close',
    'on',
  )(server, 'The server of closeOnSignal')
  checkOptions('closeOnSignal', options, types)
  const { readinessDelay = 5, signals = ['SIGTERM', 'SIGINT'], logger = createLogger() } = options
  let askedAt = 0
  const ask = (signal: NodeJS.Signals) => {
    const now = performance.now()
    if (askedAt > 0 && now - askedAt < sameSignal) return
    if (askedAt > 0) {
      logger.warn({ signal }, 'stopping at once')
      process.exit(signal === 'SIGINT' ? 130 : 143)
    }
    askedAt = now
    logger.info({ signal }, 'stopping')
    leave(server, app, { ...options, logger, readinessDelay: signal === 'SIGINT' ? 0 : readinessDelay }).then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'could not stop cleanly')
        process.exit(1)
      },
    )
  }
  for (const signal of signals) process.on(signal, ask)
}

async function leave(
  server: Server,
  app: Closable,
  { readinessDelay, timeout = 20, onClosed, logger }: CloseOnSignalOptions & { readinessDelay: number; logger: Logger },
): Promise<void> {
  app.willClose?.()
  // A proxy that keeps connections open would send a request over one in the moment in which it is closed
  server.prependListener('request', (_request, response) => {
    response.shouldKeepAlive = false
  })
  if (readinessDelay > 0) await wait(readinessDelay)
  // Right after the event loop has taken what was waiting: the kernel resets connections that nobody has accepted
  await new Promise((resolve) => setImmediate(resolve))
  const isClosed = new Promise<void>((resolve) => {
    // That of `http.Server` would also close connections over which a request may be arriving
    NetServer.prototype.close.call(server, () => resolve())
  })
  const cut = setTimeout(() => {
    logger.warn({ timeout }, 'requests are still under way; their connections are cut')
    server.closeAllConnections()
  }, timeout * 1000)
  // Over a connection that was taken just now a request is still arriving: to be cut would be 502, to be late 503
  if (readinessDelay > 0) await wait(arrival)
  // What is idle now has been so for the whole delay, and what ends now is to keep no connection
  server.closeIdleConnections()
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  await app.close?.()
  await isClosed
  clearInterval(idle)
  clearTimeout(cut)
  await onClosed?.()
  logger.info({}, 'stopped')
}

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}

const types: OptionTypes<CloseOnSignalOptions> = {
  readinessDelay: optional(notNegative),
  timeout: optional(notNegative),
  onClosed: optional(callable),
  signals: optional(listOf(oneOf('SIGTERM', 'SIGINT', 'SIGHUP'))),
  logger: optional(loggerType),
}
