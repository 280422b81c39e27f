export {
  type SqliteDatabase,
  type SqliteStorageOptions,
  sqliteStorage,
} from './lib/sqlite/sqlite-storage.js'
