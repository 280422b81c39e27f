import { type Check, type Context, compose, type Handler, type Mountable, mountable } from '@mcp-gateway/core'
import { message } from '@mcp-gateway/core/gateway'
import {
  createAccessLog,
  createProbes,
  foreignPage,
  isForeign,
  isRefusal,
  isUnjudged,
  jsonRpcError,
  requestPath,
  TaskOwners,
  withRequestId,
} from '@mcp-gateway/core/internal'
import { createLogger } from '@mcp-gateway/core/logging'
import { createCheck } from './check.js'
import { type Connect, Connection, type Traffic } from './connection/connection.js'
import { exclusive } from './connection/routing.js'
import { ownPath } from './http/own-path.js'
import { SseEndpoint } from './http-sse/sse-endpoint.js'
import { legacyEndpoint } from './legacy/legacy-endpoint.js'
import { SessionSource } from './legacy/session-source.js'
import { ModernEndpoint } from './modern/modern-endpoint.js'
import { readOptions, type StdioBridgeOptions, service } from './options/options.js'
import { ChildRegistry } from './process/child-registry.js'
import { Starter } from './process/starter.js'
import { Watchdog } from './process/watchdog.js'
import { refusalResponse } from './refusals/refusal-response.js'
import { type BridgeSession, findSession, listSessions, type OperatorSource } from './sessions/operator-sessions.js'
import type { BridgeStats } from './stats.js'
import { createTicker } from './ticker.js'
import { Translation } from './translation/translation.js'

/** A stdio MCP server as a handler. */
export interface StdioBridge extends Mountable {
  /** What the bridge is doing and has done. */
  readonly stats: () => BridgeStats
  /**
   * Resolves when the server can be started and answers; rejects with `temporarily_unavailable` when it does not. A gateway
   * asks it in `/ready`, and a bridge that is mounted alone serves `/health` and `/ready` itself. It starts a process where
   * none is at work, at most every half minute unless one has failed since.
   */
  readonly check: Check
  /**
   * The sessions, and the processes that serve modern clients, for operators. Sessions are named by a fingerprint: their ids
   * are secrets.
   */
  readonly sessions: () => Promise<BridgeSession[]>
  /**
   * Ends a session, with its process where that is its own, or a process that serves modern clients. Its client begins anew.
   *
   * @param id as `sessions` lists it
   * @returns whether there was one
   */
  readonly end: (id: string) => Promise<boolean>
  /** Refuses what is new, ends the sessions and stops every child; resolves when no process is left. */
  readonly close: () => Promise<void>
}

/**
 * Serves a stdio MCP server over Streamable HTTP, to legacy clients in sessions and to modern ones request by request.
 * Sessions are bound to the user whose token opened them. Messages pass byte for byte; only ids and progress tokens are
 * rewritten. It starts nothing before the first request, does not check tokens (put `bearerAuth` or a gateway in front)
 * and is no sandbox: the child may do what the user it runs as may do.
 *
 * @throws {GatewayError} `invalid_configuration` at construction, for options that cannot work
 * @see MCP transports: stdio and Streamable HTTP, rules L1 to L10, M1 to M24 and S1 to S5
 * @example
 * ```ts
 * const files = createStdioBridge({ command: 'npx', args: ['-y', '@modelcontextprotocol/server-filesystem', '/srv'] })
 * ```
 */
export function createStdioBridge(options: StdioBridgeOptions): StdioBridge {
  const settings = readOptions(options)
  const isOwn = ownPath(options.path)
  const log = createAccessLog({ service, logger: options.logger ?? createLogger() })
  const { spec, logger, maxMessageBytes: maxLineBytes, maxQueuedBytes, stopGrace } = settings
  const tasks = new TaskOwners<object>()
  const traffic: Traffic = { requests: 0, invalidLines: 0, unmatchedResponses: 0, dropped: 0 }
  const registry = new ChildRegistry({ spec, logger, watchdog: new Watchdog(logger), maxLineBytes, stopGrace })
  const starter = new Starter(registry, settings)
  const connect: Connect = async (principal, routing, { until, child } = {}) => {
    const own = child ?? (await starter.start(principal, until))
    return new Connection(own, routing, { logger, traffic, tasks, maxQueuedBytes })
  }
  const modern = new ModernEndpoint(settings, connect, tasks)
  const translation = new Translation({ settings, pool: modern.children, tasks, connect })
  const sessions = new SessionSource(settings, connect, translation)
  const legacy = legacyEndpoint(sessions, settings.isolation)
  const exclusively = (principal: string, until?: number) => connect(principal, exclusive, { until })
  const sse = settings.httpSse ? new SseEndpoint(settings, exclusively, translation) : undefined
  const ticker = createTicker((now, keepAlive) => {
    sessions.tick(now, keepAlive)
    modern.tick(now, keepAlive)
    sse?.tick(now, keepAlive)
  }, settings)
  let closing: Promise<void> | undefined

  const calls = () => modern.calls + sessions.inFlight + sum(sse?.sessions)

  const dispatch: Handler = (request, context) => {
    const { message } = context
    // While calls are finishing, what a client answers them still passes
    if (closing !== undefined && (message === undefined || message.kind === 'request')) {
      return jsonRpcError({ status: 503, message: 'The bridge is shutting down; try again' }, { 'Retry-After': '5' })
    }
    ticker.start()
    if (sse?.takes(request) === true) return sse.handle(request, context)
    return message?.era === 'modern' ? modern.handle(request, context, message) : legacy(request, context)
  }
  /** The one place where a refusal becomes an answer. */
  const serve: Handler = async (request, context) => {
    try {
      return await dispatch(request, context)
    } catch (error) {
      if (isRefusal(error)) return refusalResponse(error, context.message)
      throw error
    }
  }
  const alone = compose([message()], serve)
  // A GET of HTTP+SSE starts a process; what else does needs a preflight, and a token needs one too
  const startsUnjudged = (request: Request, { auth }: Context) =>
    sse !== undefined && request.method === 'GET' && auth === undefined && isUnjudged(request)

  /** Mounted without a gateway it writes the line of each request itself. */
  const handle: Handler = async (request, context) => {
    if (context.record !== undefined) return serveOwn(request, context)
    const probed = probes.serve(request)
    if (probed !== undefined && isOwn(request, context).kind !== 'own') return probed
    const record = log.begin(request, {
      path: requestPath(request.url),
      client: context.client,
      requestId: context.requestId,
    })
    record.route = { kind: 'server' }
    record.auth = context.auth
    record.resource = context.resource
    const { requestId } = record
    const response = await serveOwn(request, { ...context, record, requestId, logger: log.loggerOf(record) })
    return log.end(request, record, withRequestId(response, record))
  }

  const serveOwn = (request: Request, context: Context) => {
    const own = isOwn(request, context)
    if (own.kind !== 'own') return probes.serve(request) ?? own.response
    const { method, headers } = request
    // A page of another site must start no process by what it embeds, where no gateway with its check stands in front
    if (isForeign(request) || startsUnjudged(request, context)) return foreignPage()
    if (method === 'POST') return context.message === undefined ? alone(request, context) : serve(request, context)
    // MCP M1: the modern era has no other method, whatever headers of sessions a request carries
    const isModern = (headers.get('mcp-protocol-version') ?? '') >= '2026'
    if (isModern || (method !== 'GET' && method !== 'DELETE')) {
      const allow = isModern ? 'POST' : 'POST, GET, DELETE'
      return jsonRpcError({ status: 405, message: `Use ${allow}` }, { Allow: allow })
    }
    return serve(request, context)
  }

  const check = createCheck({
    isBroken: () => starter.isBroken,
    isAnswering: () => [...registry.children].some((child) => child.hasAnswered && !child.isStopping),
    failures: () => registry.counts.failedStarts + registry.counts.crashed,
    connect: (until) => exclusively('\0check', until),
    isModern: (until) => translation.finds({ principal: '\0check', audience: '', scopes: [] }, until),
    timeout: settings.handshakeTimeout,
  })
  const probes = createProbes({ parts: new Map([['server', { check, required: true }]]), logger })

  const source: OperatorSource = {
    sessions: () => [...sessions.sessions, ...(sse?.sessions ?? [])],
    serving: () => modern.serving(),
  }

  const end = async (id: string): Promise<boolean> => {
    const session = await findSession(sessions.sessions, id)
    const ofSse = await findSession(sse?.sessions ?? [], id)
    const served = [...modern.serving()].find(({ child }) => `child-${child.connection.child.pid}` === id)
    if (session === undefined && ofSse === undefined && served === undefined) return false
    if (session !== undefined) sessions.end(session)
    ofSse?.end()
    void served?.child.connection.child.stop()
    logger.info({ session: id }, 'a session was ended by the operator')
    return true
  }

  const close = async () => {
    const deadline = performance.now() + settings.drainTimeout * 1000
    while (calls() > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
    ticker.stop()
    starter.close()
    modern.close()
    sessions.close()
    sse?.close()
    await registry.close()
  }

  return mountable({
    handle,
    stats: () => ({
      children: registry.children.size,
      prewarmed: starter.prewarmed,
      sessions: sessions.sessions.size + (sse?.sessions.size ?? 0),
      inFlight: modern.inFlight + sessions.inFlight + sum(sse?.sessions),
      parkedCalls: modern.parkedCalls,
      ...registry.counts,
      ...traffic,
    }),
    sessions: () => listSessions(source),
    end,
    check,
    willClose: probes.willClose,
    close: () => {
      probes.willClose()
      closing ??= close()
      return closing
    },
  })
}

function sum(sessions: Iterable<{ readonly inFlight: number }> = []): number {
  let total = 0
  for (const { inFlight } of sessions) total += inFlight
  return total
}
