import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { postgresStorage } from '../../postgres.js'

// Client objects of every supported library are accepted as their own types say they are.
postgresStorage(new pg.Pool())
postgresStorage(new PGlite())
