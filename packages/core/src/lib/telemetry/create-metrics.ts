import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Handler, Mountable } from '../contract/handler.js'
import type { RequestObserver } from '../contract/request-observer.js'
import type { RequestRecord } from '../contract/request-record.js'
import type { Storage } from '../contract/storage.js'
import { mountable } from '../http/mountable.js'
import { createLogger } from '../logging/create-logger.js'
import { traceOf } from '../text/trace-parent.js'
import { other } from './conventions.js'
import { KnownTools } from './known-tools.js'
import { MetricSet } from './metric-set.js'
import { checkMetricsOptions, type MetricsOptions } from './metrics-options.js'
import { codeOf, messagesOf, operationOf, secondsOf, whenOver } from './operation.js'
import { auditMetrics, bridgeMetrics, partMetrics } from './part-metrics.js'
import { recordAnswers } from './record-answers.js'
import { Sessions } from './sessions.js'
import { timedStorage } from './timed-storage.js'

/** What `createMetrics` returns: give it to a gateway as `observe`, and as one of its `routes`. */
export interface Metrics extends Mountable, RequestObserver {
  readonly registry: Registry
  /** For `onEvent` of an authorization server. */
  readonly onEvent: (event: { readonly type: string; readonly grantType?: string; readonly error?: string }) => void
  /** The same storage, whose operations are measured. */
  readonly storage: (storage: Storage) => Storage
}

/**
 * Measures what a gateway does, for Prometheus to read: requests, MCP messages by the names of the OpenTelemetry conventions,
 * calls of tools, sessions, refusals by reason, and how long the servers behind take. It needs Node and `prom-client`.
 *
 * Labels come from the configuration, from the protocol, or from what servers list: what a client invents stands as `_OTHER` or
 * `_unknown`, and users, sessions and URIs are in none. Counts are those of this process.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @see OpenTelemetry semantic conventions for MCP
 * @example
 * ```ts
 * const metrics = createMetrics()
 * const gateway = createGateway({
 *   url,
 *   auth: { issuer },
 *   servers,
 *   observe: metrics,
 *   routes: { '/metrics': { handle: metrics, guard: addressCheck({ allowedAddresses: ['10.0.0.0/8'] }) } },
 * })
 * ```
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  checkMetricsOptions(options)
  const { processMetrics = true, maxTools = 200, maxSeries = 2000, sessionTimeout = 1800 } = options
  const { logger = createLogger(), bridges, audit, parts } = options
  const registry: Registry = options.registry ?? openMetrics()
  if (options.registry === undefined && processMetrics) collectDefaultMetrics({ register: registry })
  const set = new MetricSet(registry, maxSeries, (metric) =>
    logger.warn({ service: 'metrics', metric }, 'a metric has too many series; what comes new is counted as _overflow'),
  )
  const tools = new KnownTools(maxTools)

  const http = ['method', 'route', 'status']
  const requests = set.counter('http_requests_total', 'HTTP requests', http)
  const duration = set.durations('http_request_duration_seconds', 'Seconds until the answer had gone', http)
  const inProgress = set.gauge('http_requests_in_progress', 'HTTP requests that are not answered yet', [])
  const created = set.counter('mcp_sessions_created_total', 'Sessions that clients began', ['server'])
  const closed = set.counter('mcp_sessions_closed_total', 'Sessions that are over', ['server', 'reason'])
  const session = set.durations('mcp_server_session_duration_seconds', 'Seconds that a session lasted', ['server'])
  const sessions = new Sessions(sessionTimeout, {
    created,
    closed(server, reason, seconds) {
      closed(server, reason)
      session(seconds, undefined, server)
    },
  })
  set.gauge('mcp_sessions_active', 'Sessions that were used lately', ['server'], (self) => {
    self.reset()
    for (const [server, count] of sessions.active()) self.set({ server }, count)
  })
  const ofTool = ['server', 'tool']
  const calls = set.counter('mcp_tool_calls_total', 'Calls of tools', ofTool)
  const callDuration = set.durations('mcp_tool_call_duration_seconds', 'Seconds that a call of a tool took', ofTool)
  const callErrors = set.counter('mcp_tool_errors_total', 'Calls of tools that failed', [...ofTool, 'error_type'])
  const operation = ['mcp_method_name', 'error_type', 'server']
  const operations = set.durations('mcp_server_operation_duration_seconds', 'Seconds that a message took', operation)
  const asked = set.durations(
    'mcp_client_operation_duration_seconds',
    'Seconds until a server behind the gateway began to answer',
    [...operation, 'server_address'],
  )
  const refusals = set.counter('mcp_gateway_refusals_total', 'Refused and failed requests, by who refused', [
    'route',
    'refused_by',
    'code',
    'decision',
  ])
  const oauth = set.counter('mcp_gateway_oauth_requests_total', 'Requests to the authorization server', [
    'endpoint',
    'error',
  ])
  const events = set.counter('mcp_gateway_oauth_events_total', 'What happened at the authorization server', [
    'type',
    'grant_type',
    'error',
  ])
  const streams = set.gauge('mcp_gateway_streams_active', 'Answers that are event streams under way', [])
  const storageTime = set.durations(
    'mcp_gateway_storage_operation_duration_seconds',
    'Seconds of a storage operation',
    ['operation', 'outcome'],
  )
  if (bridges !== undefined) bridgeMetrics(set, bridges)
  if (audit !== undefined) auditMetrics(set, audit)
  if (parts !== undefined) partMetrics(set, parts)

  const measureMessage = (record: RequestRecord, seconds: number, traceId: string | undefined): void => {
    const { method, errorType = '' } = operationOf(record)
    const server = serverOf(record)
    operations(seconds, traceId, method, errorType, server)
    const { upstream, message } = record
    if (upstream !== undefined) {
      const { status } = upstream
      const error = status === undefined ? 'no_answer' : status >= 400 ? String(status) : ''
      asked(upstream.duration / 1000, traceId, method, error, server, upstream.server)
    }
    if (message?.method !== 'tools/call') return
    const tool = tools.labelOf(server, message.target ?? '')
    calls(server, tool)
    callDuration(seconds, traceId, server, tool)
    if (errorType !== '') callErrors(server, tool, errorType)
  }

  const measureRefusals = (record: RequestRecord, route: string): void => {
    const all = record.parts?.some(({ refusal }) => refusal !== undefined) ? record.parts : [record]
    for (const { refusal, decision, status } of all) {
      if (refusal !== undefined) refusals(route, codeOf(refusal.by), codeOf(refusal.code), decision ?? 'deny')
      else if (decision === 'deny' || decision === 'error') refusals(route, 'server', String(status ?? 0), decision)
    }
  }

  const observe = (record: RequestRecord): void => {
    sessions.see(record)
    const route = routeOf(record)
    if (record.route?.kind === 'authority') {
      const { refusal, status = 0 } = record
      oauth(endpointOf(record.path), refusal ? codeOf(refusal.code) : status >= 400 ? String(status) : '')
    }
    measureRefusals(record, route)
    const isOpen = record.times.end === undefined
    if (isOpen) streams.inc()
    whenOver(record, () => {
      if (isOpen) streams.dec()
      if (begun.delete(record)) inProgress.dec()
      const method = httpMethods.has(record.method) ? record.method : other
      const status = String(record.status ?? 0)
      const seconds = secondsOf(record)
      const traceId = sampledTrace(record)
      requests(method, route, status)
      duration(seconds, traceId, method, route, status)
      for (const message of messagesOf(record)) measureMessage(message, seconds, sampledTrace(message))
    })
  }

  const begun = new WeakSet<RequestRecord>()
  const handle: Handler = async ({ method }) => {
    if (method !== 'GET' && method !== 'HEAD')
      return new Response(null, { status: 405, headers: { Allow: 'GET, HEAD' } })
    const body = await registry.metrics()
    const headers = { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' }
    return new Response(method === 'HEAD' ? null : body, { headers })
  }

  return mountable<Omit<Metrics, 'fetch'>>({
    handle,
    registry,
    begin(record: RequestRecord) {
      begun.add(record)
      inProgress.inc()
    },
    observe,
    middleware: recordAnswers((record, answer) => tools.learn(record, answer)),
    onEvent: ({ type, grantType = '', error = '' }) =>
      events(codeOf(type), grantType === '' ? '' : codeOf(last(grantType)), error === '' ? '' : codeOf(error)),
    storage: (storage: Storage) =>
      timedStorage(storage, (name, outcome, seconds) => storageTime(seconds, undefined, name, outcome)),
  })
}

function openMetrics(): Registry {
  const registry = new Registry()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as typeof Registry.PROMETHEUS_CONTENT_TYPE)
  return registry
}

const httpMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

function serverOf({ route, resource }: RequestRecord): string {
  return route?.path ?? resource ?? '_unmatched'
}

/** Of the configuration alone: a path that a client wrote is none. */
function routeOf(record: RequestRecord): string {
  if (record.route?.kind === 'authority') return endpointOf(record.path)
  if (record.route?.kind === 'vault') return 'vault'
  return serverOf(record)
}

const endpoint = /\/(authorize|token|register|revoke|introspect|jwks|consent|login|callback|success)(?:\/[^/]*)?$/

function endpointOf(path: string): string {
  if (path.includes('/.well-known/')) return 'metadata'
  return endpoint.exec(path)?.[1] ?? other
}

/** Names of grant types may be URNs. */
function last(grantType: string): string {
  return grantType.slice(grantType.lastIndexOf(':') + 1)
}

function sampledTrace({ trace, traceparent }: RequestRecord): string | undefined {
  if (trace !== undefined) return trace.isSampled ? trace.traceId : undefined
  return /-0[13579bdf]$/.test(traceparent ?? '') ? traceOf(traceparent)?.traceId : undefined
}
