type StatementName = 'get' | 'set' | 'add' | 'compareAndSet' | 'take' | 'list' | 'increment' | 'sweep'

/**
 * The statement of each verb. Rows are locked in one order, record before lists, because the parts that write the lists
 * read what the part that writes the record returned; so no two verbs wait for each other.
 *
 * A verb that waited for another one may leave a key on a list that its record does not name any more: it cannot see
 * what the other wrote after it began. The record decides, `list` asks it, and the next write or delete tidies up.
 */
export function postgresStatements(table: string): Record<StatementName, string> {
  const [records, members] = [`"${table}"`, `"${table}_lists"`]
  const expiry = (parameter: string) => `statement_timestamp() + ${parameter}::float8 * interval '1 millisecond'`
  const digest = (name: string) => `sha256(convert_to(${name}, 'UTF8'))`
  const live = '(expires_at IS NULL OR expires_at > statement_timestamp())'
  const insert = `INSERT INTO ${records} AS old (key, value, version, expires_at, lists)
    VALUES ($1, $2, $3, ${expiry('$4')}, $5::text[])
    ON CONFLICT (key) DO UPDATE SET
      value = excluded.value, version = excluded.version, expires_at = excluded.expires_at, lists = excluded.lists`
  const write = (statement: string) => `WITH record AS (${statement} RETURNING key, lists),
    parted AS (
      DELETE FROM ${members} AS member USING record WHERE member.key = record.key AND NOT EXISTS (
        SELECT FROM unnest(record.lists) AS name WHERE ${digest('name')} = member.list
      )
    ),
    joined AS (
      INSERT INTO ${members} (list, key) SELECT ${digest('name')}, record.key FROM record, unnest(record.lists) AS name
      ON CONFLICT DO NOTHING
    )
    SELECT 1 FROM record`
  return {
    get: `SELECT value, version FROM ${records} WHERE key = $1 AND ${live}`,
    set: write(insert),
    add: write(`${insert} WHERE old.expires_at <= statement_timestamp()`),
    compareAndSet:
      write(`UPDATE ${records} SET value = $2, version = $3, expires_at = ${expiry('$4')}, lists = $5::text[]
      WHERE key = $1 AND version = $6 AND ${live}`),
    take: `DELETE FROM ${records} WHERE key = $1 RETURNING value, ${live} AS live`,
    // OFFSET keeps the planner from turning the look-up of each member into a scan of all records.
    list: `SELECT member.key, record.live IS NOT NULL AS live
      FROM (SELECT key FROM ${members} WHERE list = ${digest('$1')} AND key >= $2 ORDER BY key LIMIT $3) AS member
      LEFT JOIN LATERAL (
        SELECT true AS live FROM ${records} WHERE key = member.key AND lists @> ARRAY[$1] AND ${live} OFFSET 0
      ) AS record ON true
      ORDER BY member.key`,
    // A version with a mark in front tells a counter from what the other verbs wrote.
    increment: `INSERT INTO ${records} AS old (key, value, version, expires_at) VALUES ($1, '1', $2, ${expiry('$3')})
      ON CONFLICT (key) DO UPDATE SET
        value = CASE WHEN old.expires_at <= statement_timestamp() THEN '1' ELSE (old.value::bigint + 1)::text END,
        expires_at = CASE WHEN old.expires_at <= statement_timestamp() THEN excluded.expires_at ELSE old.expires_at END,
        version = excluded.version,
        lists = NULL
      WHERE old.expires_at <= statement_timestamp() OR old.version LIKE '#%' RETURNING value`,
    sweep: `DELETE FROM ${records} WHERE key IN (
      SELECT key FROM ${records} WHERE expires_at <= statement_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED
    )`,
  }
}
