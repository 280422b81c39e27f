import type { AuthInfo } from '../contract/auth-info.js'
import type { Context, Handler } from '../contract/handler.js'
import { callable, checkOptions, optional, withMethods } from '../contract/option-types.js'
import type { Decision, Policy, PolicyInput } from '../contract/policy.js'
import { recordRefusal } from '../contract/request-record.js'
import { accepts } from '../http/accepts.js'
import { oauthError } from '../http/oauth-error.js'
import { respond } from '../http/respond.js'
import { decide } from '../policy/decide.js'
import { policyEnv, policySubject } from '../policy/policy-subject.js'
import { recordDecision } from '../policy/record-decision.js'
import { actorOf } from '../tokens/principal.js'
import type { AuditEvent, AuditEventType, AuditOutcome } from './audit-event.js'
import type { AuditQuery, AuditStore } from './audit-sink.js'
import { columns, toRow } from './columns.js'
import { idText } from './safe-text.js'

/** What a history is read from, and who may see what. */
export interface HistoryOptions {
  /** Where events are: `postgresAudit(pool)`, `sqliteAudit(database)` or `memoryAudit()`. */
  readonly store: Pick<AuditStore, 'read'>
  /**
   * Decides who may see the events of others: asked with the action `history/read`. Everybody sees their own without being asked
   * about. Default: nobody sees those of others.
   */
  readonly policy?: Policy
}

const maxLimit = 200
const parameters = ['subject', 'server', 'tool', 'method', 'type', 'outcome', 'from', 'to', 'limit', 'cursor'] as const
type Parameter = (typeof parameters)[number]

const formats = [
  ['application/json', 'json'],
  ['application/x-ndjson', 'lines'],
  ['application/jsonl', 'lines'],
  ['text/csv', 'csv'],
] as const

/**
 * Serves events of an audit to those whom they are about: `GET` with the parameters `server`, `tool`, `method`, `type`,
 * `outcome`, `from` and `to` (times in ISO 8601), `limit` (50 by default, 200 at most) and `cursor`. The newest come first; JSON
 * has the `cursor` of the next page, and each format names that page in `Link` (RFC 8288). `Accept` chooses JSON, JSON lines or CSV;
 * in CSV what a spreadsheet would take for a formula is written as text.
 *
 * With `subject` (a user's `sub`, or `*` for all) it shows the events of others, if the policy allows it, without their
 * arguments and results. It does not check tokens: mount it behind what does, such as the `routes` of a gateway or `bearerAuth`;
 * without `context.auth` it answers 401.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const handler = compose([bearerAuth({ verifier, resource })], history({ store: postgresAudit(pool) }))
 * ```
 */
export function history(options: HistoryOptions): Handler {
  checkOptions('history', options, {
    store: withMethods('a store such as postgresAudit(pool)', 'read'),
    policy: optional(callable),
  })
  const { store, policy } = options

  return async (request, context) => {
    const refuse = (status: number, code: string, why: string, headers?: HeadersInit): Response => {
      recordRefusal(context.record, { by: 'history', code, reason: why }, status >= 500 ? 'error' : 'deny')
      return oauthError(status, code, why, headers)
    }
    if (request.method !== 'GET') {
      return refuse(405, 'invalid_request', 'Events are read with GET', { Allow: 'GET' })
    }
    const { auth } = context
    const actor = auth === undefined ? undefined : actorOf(auth)
    if (auth === undefined || actor === undefined) {
      return refuse(401, 'invalid_token', 'An access token that names its user is needed', {
        'WWW-Authenticate': 'Bearer',
      })
    }
    const format = formats.find(([type]) => accepts(request.headers, type))?.[1]
    if (format === undefined) {
      return refuse(406, 'invalid_request', 'Accept application/json, application/x-ndjson or text/csv')
    }
    const url = new URL(request.url)
    const asked = readParameters(url.searchParams)
    if (typeof asked === 'string') return refuse(400, 'invalid_request', asked)
    const { subject, query } = asked
    const isOwn = subject === undefined || subject === actor.id
    if (!isOwn) {
      const decision = await mayReadOthers(policy, auth, context, query.server)
      if (!decision.allow && decision.unavailable) {
        const why = 'It cannot be decided now who may see this; try again'
        return refuse(503, 'temporarily_unavailable', why, { 'Retry-After': '5' })
      }
      if (!decision.allow) {
        recordRefusal(context.record, { by: 'history', code: 'access_denied', reason: decision.reason })
        const own = 'You may see your own events alone; leave out the parameter subject'
        return oauthError(403, 'access_denied', decision.public ? decision.reason : own)
      }
    }
    const { issuer } = auth.extra ?? {}
    const whose: Partial<AuditQuery> = isOwn
      ? {
          own: {
            id: idText(actor.id),
            kind: actor.kind,
            ...(typeof issuer === 'string' && { issuer: idText(issuer) }),
          },
        }
      : subject === '*'
        ? {}
        : { subjectId: idText(subject) }
    let found: readonly AuditEvent[]
    try {
      found = await store.read({ ...query, ...whose, limit: query.limit + 1 })
    } catch (error) {
      context.logger?.error({ err: error }, 'the history cannot be read')
      return refuse(503, 'temporarily_unavailable', 'The history cannot be read now; try again', { 'Retry-After': '5' })
    }
    const page = found.slice(0, query.limit)
    const last = page.at(-1)
    const cursor = found.length > query.limit && last !== undefined ? cursorOf(last) : undefined
    const isShown = (event: AuditEvent) =>
      isOwn || (event.subjectId === idText(actor.id) && event.subjectIss === issuer)
    const rows = page.map((event) => rowOf(event, isShown(event)))
    return write(rows, format, { cursor, url })
  }
}

interface Asked {
  readonly subject?: string
  readonly query: AuditQuery
}

/** @returns what is wrong with the parameters, where something is */
function readParameters(given: URLSearchParams): Asked | string {
  const values: Partial<Record<Parameter, string>> = {}
  for (const [name, value] of given) {
    if (!isParameter(name)) return `There is no parameter ${name.slice(0, 50)}; there are ${parameters.join(', ')}`
    if (values[name] !== undefined) return `The parameter ${name} is there twice; give it once`
    if (value === '' || value.length > 2000) return `The parameter ${name} must have 1 to 2000 characters`
    values[name] = value
  }
  const { subject, server, tool, method, type, outcome } = values
  const from = timeOf(values.from)
  const to = timeOf(values.to)
  for (const [name, time] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (Number.isNaN(time)) return `${name} must be a time in ISO 8601, YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ`
  }
  const limit = values.limit === undefined ? 50 : Number(values.limit)
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit)
    return `limit must be a whole number from 1 to ${maxLimit}`
  const before = values.cursor === undefined ? undefined : readCursor(values.cursor)
  if (before === null) return 'cursor must be one that an answer of this address gave'
  return {
    ...(subject !== undefined && { subject }),
    query: {
      limit,
      ...(server !== undefined && { server }),
      ...(tool !== undefined && { target: tool }),
      ...((method ?? tool) !== undefined && { method: method ?? 'tools/call' }),
      ...(type !== undefined && { type: type as AuditEventType }),
      ...(outcome !== undefined && { outcome: outcome as AuditOutcome }),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      ...(before !== undefined && { before }),
    },
  }
}

function isParameter(name: string): name is Parameter {
  return (parameters as readonly string[]).includes(name)
}

const isoTime = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return isoTime.test(text) ? Date.parse(text) : Number.NaN
}

// A place in the order of events. It opens nothing: each page is chosen anew by who asks
function cursorOf({ ts, id }: AuditEvent): string {
  return `${ts}.${id}`
}

const cursorPattern = /^(\d{1,15})\.([\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12})$/

function readCursor(text: string): { ts: number; id: string } | null {
  const [, ts, id] = cursorPattern.exec(text) ?? []
  return ts === undefined || id === undefined ? null : { ts: Number(ts), id }
}

async function mayReadOthers(
  policy: Policy | undefined,
  auth: AuthInfo,
  context: Context,
  server = '*',
): Promise<Decision> {
  if (policy === undefined) return { allow: false, reason: 'no policy allows the events of others' }
  const input: PolicyInput = {
    subject: policySubject(auth),
    action: 'history/read',
    resource: { server, kind: 'server' },
    env: policyEnv(context),
  }
  const decision = await decide(policy, input, context.logger && { logger: context.logger })
  recordDecision(context.record, decision)
  return decision
}

type Row = Record<string, unknown>

/** Of others no arguments and results are shown. */
function rowOf(event: AuditEvent, isOwn: boolean): Row {
  const row = toRow(event)
  if (!isOwn) {
    delete row.arguments
    delete row.result
  }
  return row
}

interface Page {
  readonly cursor: string | undefined
  readonly url: URL
}

function write(rows: readonly Row[], format: 'json' | 'lines' | 'csv', { cursor, url }: Page): Response {
  const headers = new Headers({ 'Cache-Control': 'no-store', Vary: 'Accept', 'X-Content-Type-Options': 'nosniff' })
  if (cursor !== undefined) {
    const next = new URLSearchParams(url.searchParams)
    next.set('cursor', cursor)
    headers.set('Link', `<?${next}>; rel="next"`)
  }
  if (format === 'json') {
    headers.set('Content-Type', 'application/json')
    return respond(JSON.stringify({ events: rows, ...(cursor !== undefined && { cursor }) }), { headers })
  }
  if (format === 'lines') {
    headers.set('Content-Type', 'application/x-ndjson')
    return respond(rows.map((row) => `${JSON.stringify(row)}\n`).join(''), { headers })
  }
  headers.set('Content-Type', 'text/csv; charset=utf-8; header=present')
  headers.set('Content-Disposition', 'attachment; filename="history.csv"')
  const names = columns.map(({ name }) => name)
  const lines = [names.join(','), ...rows.map((row) => names.map((name) => cell(row[name])).join(','))]
  return respond(`${lines.join('\r\n')}\r\n`, { headers })
}

/** A field of CSV (RFC 4180), of which no spreadsheet makes a formula. */
function cell(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = Array.isArray(value) ? value.join(' ') : String(value)
  // Also behind white space, which some programs skip
  const safe = /^\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}
