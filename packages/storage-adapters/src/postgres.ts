export { type PostgresPool, type PostgresStorageOptions, postgresStorage } from './lib/postgres/postgres-storage.js'
export { postgresSchema } from './lib/postgres/schema.js'
