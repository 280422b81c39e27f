import { checkOptions, flag, optional, positive, text } from '../contract/option-types.js'
import { type Column, columns } from './columns.js'
import { checkTableName } from './table-name.js'

/** What the tables are like. */
export interface AuditSchemaOptions {
  /**
   * The name of the table, and the beginning of the names of all that belongs to it.
   *
   * @default mcp_audit
   */
  readonly table?: string
  /**
   * Days after which events are dropped, a month as a whole. `Infinity` keeps them.
   *
   * @default 365
   */
  readonly retainDays?: number
  /**
   * Whether there is a partition for each month, which is dropped in no time. Without, rows are deleted, 5,000 at a time.
   *
   * @default true
   */
  readonly partitions?: boolean
  /**
   * Whether there are the views `tool_calls` and `audit_events`, which show calls, and what was decided about whom.
   *
   * @default true
   */
  readonly views?: boolean
}

export const columnTypes: Readonly<Record<Column['type'], string>> = {
  id: 'uuid',
  time: 'timestamptz',
  text: 'text',
  list: 'text[]',
  whole: 'bigint',
  number: 'double precision',
  flag: 'boolean',
}

const notNull: ReadonlySet<string> = new Set(['id', 'ts', 'type', 'outcome', 'replica', 'v'])

/**
 * The statements that create the table, its indexes, the function that makes partitions ahead and drops old ones, and the views:
 * one text for a migration, or for `psql`. It does nothing where they exist, and changes no column. The function
 * `<table>_maintain()` runs with the rights of who created it, and how long events are kept is written in it: a role that may
 * only insert can call it, and cannot have events dropped early. Run this again to change `retainDays`.
 *
 * @throws {GatewayError} `invalid_configuration`
 * @example
 * ```ts
 * await pool.query(auditSchema({ retainDays: 90 }))
 * ```
 */
export function auditSchema(options: AuditSchemaOptions = {}): string {
  checkOptions('auditSchema', options, {
    table: optional(text),
    retainDays: optional(positive),
    partitions: optional(flag),
    views: optional(flag),
  })
  const { table = 'mcp_audit', retainDays = 365, partitions = true, views = true } = options
  checkTableName(table, 'auditSchema')
  const lines = columns.map(
    ({ name, type }) => `    "${name}" ${columnTypes[type]}${notNull.has(name) ? ' NOT NULL' : ''}`,
  )
  const interval = retainDays === Number.POSITIVE_INFINITY ? undefined : `interval '${Math.ceil(retainDays)} days'`
  const parts = [
    `DO $$ BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('${table}'));
  CREATE TABLE IF NOT EXISTS "${table}" (
${lines.join(',\n')},
    PRIMARY KEY (id, ts)
  )${partitions ? ' PARTITION BY RANGE (ts)' : ''};
  CREATE INDEX IF NOT EXISTS "${table}_subject" ON "${table}" (subject_iss, subject_id, ts DESC);
  CREATE INDEX IF NOT EXISTS "${table}_target" ON "${table}" (server, target, ts DESC);
  CREATE INDEX IF NOT EXISTS "${table}_ts" ON "${table}" USING brin (ts);${
    partitions ? `\n  CREATE TABLE IF NOT EXISTS "${table}_default" PARTITION OF "${table}" DEFAULT;` : ''
  }
END $$;`,
    partitions ? partitionFunction(table, interval) : deletionFunction(table, interval),
    `SELECT "${table}_maintain"();`,
    ...(views ? [postgresViews(table)] : []),
  ]
  return parts.join('\n')
}

/** Takes a lock for the transaction, so that one replica does it; months are those of UTC. */
function partitionFunction(table: string, interval: string | undefined): string {
  return `CREATE OR REPLACE FUNCTION "${table}_maintain"() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  low timestamptz;
  high timestamptz;
  part text;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('${table}')) THEN RETURN; END IF;
  FOR ahead IN 0..2 LOOP
    low := (month + make_interval(months => ahead)) AT TIME ZONE 'UTC';
    high := (month + make_interval(months => ahead + 1)) AT TIME ZONE 'UTC';
    part := '${table}_' || to_char(month + make_interval(months => ahead), 'YYYY_MM');
    CONTINUE WHEN to_regclass(quote_ident(part)) IS NOT NULL;
    -- What a clock that was ahead has put into the default partition moves to where it belongs
    EXECUTE format('CREATE TABLE %I (LIKE "${table}" INCLUDING ALL)', part);
    EXECUTE format('WITH moved AS (DELETE FROM "${table}_default" WHERE ts >= %L AND ts < %L RETURNING *) INSERT INTO %I SELECT * FROM moved', low, high, part);
    EXECUTE format('ALTER TABLE "${table}" ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, low, high);
  END LOOP;${
    interval === undefined
      ? ''
      : `
  FOR part IN
    SELECT child.relname FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class child ON child.oid = inhrelid
    WHERE inhparent = '"${table}"'::regclass AND child.relname ~ '^${table}_[0-9]{4}_[0-9]{2}$'
      AND to_date(right(child.relname, 7), 'YYYY_MM') + interval '1 month' < (now() AT TIME ZONE 'UTC') - ${interval}
  LOOP
    EXECUTE format('DROP TABLE %I', part);
  END LOOP;
  DELETE FROM "${table}_default" WHERE ts < now() - ${interval};`
  }
END $$;`
}

function deletionFunction(table: string, interval: string | undefined): string {
  return `CREATE OR REPLACE FUNCTION "${table}_maintain"() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('${table}')) THEN RETURN; END IF;${
    interval === undefined
      ? ''
      : `
  DELETE FROM "${table}" WHERE ctid = ANY (ARRAY(SELECT ctid FROM "${table}" WHERE ts < now() - ${interval} LIMIT 5000));`
  }
END $$;`
}

/** What a decision was, as the views tell it. */
const denied = "outcome IN ('denied', 'step_up', 'unauthenticated', 'invalid')"

function postgresViews(table: string): string {
  const details =
    "jsonb_strip_nulls(jsonb_build_object('server', server, 'method', method, 'target', target, 'outcome', outcome, 'code', code, 'policy', policy, 'reason', reason, 'client_id', client_id, 'request_id', request_id, 'trace_id', trace_id))::text"
  return auditViews(table, { create: 'CREATE OR REPLACE VIEW', details })
}

/** The views of calls and of decisions, in the dialect of a database. */
export function auditViews(
  table: string,
  { create, details }: { readonly create: string; readonly details: string },
): string {
  const event = (name: string, condition: string) =>
    `SELECT id || ':${name}' AS id, subject_id AS user_sub, '${name}' AS event_type, ${details} AS details_json, ts AS created_at FROM "${table}" WHERE ${condition}`
  const text = (id: string) => id.replaceAll('SELECT id ||', 'SELECT CAST(id AS text) ||')
  return `${create} tool_calls AS
SELECT id, subject_id AS user_sub, target AS tool, method AS action, arguments AS input_json, result AS output_json,
  CASE WHEN ${denied} THEN 'deny' ELSE 'allow' END AS decision, reason, ts AS created_at, trace_id
FROM "${table}" WHERE method = 'tools/call';
${create} audit_events AS
${text(
  [
    event(
      'authn_success',
      "subject_id IS NOT NULL AND outcome <> 'unauthenticated' AND (type <> 'authentication' OR outcome = 'ok') AND parent_id IS NULL",
    ),
    event(
      'authn_fail',
      "outcome = 'unauthenticated' OR (type = 'authentication' AND outcome IN ('denied', 'invalid'))",
    ),
    event('policy_deny', "type <> 'authentication' AND outcome IN ('denied', 'step_up')"),
    event(
      'policy_allow',
      `type NOT IN ('authentication', 'admin', 'audit_gap') AND NOT (${denied}) AND outcome <> 'error' AND parent_id IS NULL`,
    ),
    event('error', "outcome IN ('tool_error', 'protocol_error', 'timeout', 'upstream_down', 'error')"),
  ].join('\nUNION ALL\n'),
)};`
}
