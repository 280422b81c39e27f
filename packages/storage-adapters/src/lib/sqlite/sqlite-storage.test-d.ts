import Libsql from 'libsql'
import { sqliteStorage } from '../../sqlite.js'

// The database of libsql, whose types are those of better-sqlite3, is accepted as it is.
sqliteStorage(new Libsql(':memory:'))
