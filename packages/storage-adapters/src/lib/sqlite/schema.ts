/**
 * The tables of one storage. Triggers keep the lists, so that every verb is a single statement and thereby atomic; an
 * expired record stays on its lists until it is swept, and reads leave it out.
 */
export function sqliteSchema(table: string): string {
  return `
    CREATE TABLE IF NOT EXISTS "${table}" (
      key TEXT PRIMARY KEY NOT NULL,
      value TEXT NOT NULL,
      version TEXT NOT NULL,
      expires_at INTEGER,
      lists TEXT
    );
    CREATE INDEX IF NOT EXISTS "${table}_expiry" ON "${table}" (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE IF NOT EXISTS "${table}_lists" (
      list TEXT NOT NULL,
      key TEXT NOT NULL,
      PRIMARY KEY (list, key)
    ) WITHOUT ROWID;
    CREATE TRIGGER IF NOT EXISTS "${table}_insert" AFTER INSERT ON "${table}" WHEN NEW.lists IS NOT NULL BEGIN
      INSERT INTO "${table}_lists" SELECT value, NEW.key FROM json_each(NEW.lists);
    END;
    CREATE TRIGGER IF NOT EXISTS "${table}_update" AFTER UPDATE OF lists ON "${table}"
    WHEN OLD.lists IS NOT NEW.lists BEGIN
      DELETE FROM "${table}_lists" WHERE key = OLD.key AND list IN (SELECT value FROM json_each(OLD.lists));
      INSERT INTO "${table}_lists" SELECT value, NEW.key FROM json_each(NEW.lists);
    END;
    CREATE TRIGGER IF NOT EXISTS "${table}_delete" AFTER DELETE ON "${table}" WHEN OLD.lists IS NOT NULL BEGIN
      DELETE FROM "${table}_lists" WHERE key = OLD.key AND list IN (SELECT value FROM json_each(OLD.lists));
    END;
  `
}
