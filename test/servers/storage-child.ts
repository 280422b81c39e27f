import { serveStorage } from '@mcp-gateway/core/testing'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { sqliteStorage } from '@mcp-gateway/storage-adapters/sqlite'

// Run by `forkStorage`: another process on the storage that a test works on.
const [kind, place = ''] = process.argv.slice(2)
if (kind === 'redis') {
  const { Redis } = await import('ioredis')
  serveStorage(redisStorage(new Redis(place)))
} else if (kind === 'postgres') {
  const [{ default: pg }, { postgresStorage }] = await Promise.all([
    import('pg'),
    import('@mcp-gateway/storage-adapters/postgres'),
  ])
  serveStorage(postgresStorage(new pg.Pool({ connectionString: place })))
} else {
  const { default: Database } = await import('libsql')
  serveStorage(sqliteStorage(new Database(place)))
}
