import type { AuditQuery } from './audit-sink.js'

/** Conditions of a query as SQL, and their values. */
export interface Where {
  readonly text: string
  readonly values: readonly (string | number)[]
}

/** How a database writes what differs. */
export interface Dialect {
  /** The mark of the parameter with this number, from 1. */
  readonly mark: (number: number) => string
  /** A time in milliseconds since the epoch. */
  readonly time: (mark: string) => string
  readonly id: (mark: string) => string
}

/** The conditions of a query: every value is bound. */
export function whereOf(query: AuditQuery, { mark, time, id }: Dialect): Where {
  const conditions: string[] = []
  const values: (string | number)[] = []
  const bind = (value: string | number): string => mark(values.push(value))
  const { own, before, from, to } = query
  if (own !== undefined) {
    conditions.push(`subject_id = ${bind(own.id)}`)
    conditions.push(own.issuer === undefined ? 'subject_iss IS NULL' : `subject_iss = ${bind(own.issuer)}`)
    // A client that acts for itself has its own id for a subject, and is nobody whose user has that name
    const isClient = "COALESCE(client_id, '') = subject_id"
    conditions.push(own.kind === 'client' ? isClient : `NOT (${isClient})`)
  }
  const equal = {
    subject_id: query.subjectId,
    chain: query.chain,
    server: query.server,
    target: query.target,
    method: query.method,
    type: query.type,
    outcome: query.outcome,
  }
  for (const [name, value] of Object.entries(equal)) {
    if (value !== undefined) conditions.push(`${name} = ${bind(value)}`)
  }
  if (from !== undefined) conditions.push(`ts >= ${time(bind(from))}`)
  if (to !== undefined) conditions.push(`ts < ${time(bind(to))}`)
  if (before !== undefined) {
    const at = time(bind(before.ts))
    conditions.push(`(ts, id) < (${at}, ${id(bind(before.id))})`)
  }
  return { text: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`, values }
}
