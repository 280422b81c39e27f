/** The statement of each verb, with parameters by position alone, so that every driver takes them. */
export function sqliteStatements(table: string): Record<StatementName, string> {
  const records = `"${table}"`
  const live = '(expires_at IS NULL OR expires_at > ?)'
  const write = `INSERT INTO ${records} AS old (key, value, version, expires_at, lists) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
      value = excluded.value, version = excluded.version, expires_at = excluded.expires_at, lists = excluded.lists`
  return {
    get: `SELECT value, version FROM ${records} WHERE key = ? AND ${live}`,
    set: write,
    add: `${write} WHERE old.expires_at <= ? RETURNING 1`,
    compareAndSet: `UPDATE ${records} SET value = ?, version = ?, expires_at = ?, lists = ?
      WHERE key = ? AND version = ? AND ${live} RETURNING 1`,
    take: `DELETE FROM ${records} WHERE key = ? RETURNING value, expires_at`,
    list: `SELECT member.key FROM "${table}_lists" AS member JOIN ${records} AS record ON record.key = member.key
      WHERE member.list = ? AND member.key >= ? AND ${live} ORDER BY member.key LIMIT ?`,
    // The time is bound three times: better-sqlite3 takes a number after the mark for a name.
    // A version with a mark in front tells a counter from what the other verbs wrote.
    increment: `INSERT INTO ${records} AS old (key, value, version, expires_at) VALUES (?, '1', ?, ?)
      ON CONFLICT (key) DO UPDATE SET
        value = CASE WHEN old.expires_at <= ? THEN '1' ELSE CAST(CAST(old.value AS INTEGER) + 1 AS TEXT) END,
        expires_at = CASE WHEN old.expires_at <= ? THEN excluded.expires_at ELSE old.expires_at END,
        version = excluded.version,
        lists = NULL
      WHERE old.expires_at <= ? OR old.version LIKE '#%' RETURNING value`,
    sweep: `DELETE FROM ${records} WHERE key IN (SELECT key FROM ${records} WHERE expires_at <= ? LIMIT 200)`,
  }
}

export type StatementName = 'get' | 'set' | 'add' | 'compareAndSet' | 'take' | 'list' | 'increment' | 'sweep'
