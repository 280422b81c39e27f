import pg from 'pg'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { expectNothingLost } from '../../../../../test/servers/outage.js'
import { type PostgresServer, startPostgres } from '../../../../../test/servers/postgres.js'
import { postgresStorage } from './postgres-storage.js'
import { postgresSchema } from './schema.js'

describe.runIf(hasBinary('postgres'))('postgresStorage in an outage', () => {
  let server: PostgresServer
  let pool: pg.Pool
  beforeAll(async () => {
    server = await startPostgres(['-c', 'fsync=on'])
    pool = new pg.Pool({ connectionString: server.url })
    pool.on('error', () => {})
    await pool.query(postgresSchema())
  })
  afterAll(async () => {
    await pool?.end()
    await server?.stop()
  })

  test('a killed server: 503 soon, nothing acknowledged lost, no restart', async () => {
    await expectNothingLost(postgresStorage(pool, { timeout: 1 }), server)
  })
})
