import { invalidConfiguration, text } from '@mcp-gateway/core/internal'

/**
 * The statement that creates the tables of a storage: one statement, for a migration or for the start of a program. It
 * does nothing where they exist, and any number of processes may run it at once. It does not drop or change anything.
 *
 * @param table the name that `postgresStorage` is given; `mcp_gateway` by default
 * @throws {GatewayError} `invalid_configuration` when the name is no plain identifier
 * @example
 * await pool.query(postgresSchema())
 */
export function postgresSchema(table = 'mcp_gateway'): string {
  assertTableName(table)
  return `DO $$ BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('${table}'));
  CREATE TABLE IF NOT EXISTS "${table}" (
    key text COLLATE "C" PRIMARY KEY,
    value text NOT NULL,
    version text NOT NULL,
    expires_at timestamptz,
    lists text[]
  );
  CREATE INDEX IF NOT EXISTS "${table}_expiry" ON "${table}" (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS "${table}_lists" (
    list bytea NOT NULL,
    key text COLLATE "C" NOT NULL REFERENCES "${table}" ON DELETE CASCADE,
    PRIMARY KEY (list, key)
  );
  CREATE INDEX IF NOT EXISTS "${table}_lists_key" ON "${table}_lists" (key);
END $$`
}

/** Names go into the statements as they are, so that they must be plain. PostgreSQL cuts them at 63 characters. */
export function assertTableName(table: string): void {
  text(table, 'The table of Postgres')
  if (/^[A-Za-z_]\w{0,47}$/.test(table)) return
  throw invalidConfiguration(
    'table must start with a letter or an underscore and hold letters, digits and underscores, 48 at most',
  )
}
