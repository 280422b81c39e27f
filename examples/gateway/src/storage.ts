import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { sqliteStorage } from '@mcp-gateway/storage-adapters/sqlite'
import { Redis } from 'ioredis'
import { SettingsError } from './settings.js'

/** A storage that is opened at its first use, or by `open`, so that importing the example touches no disk. */
export interface ExampleStorage extends Storage {
  /** Opens it; resolves to what it is, in words for the banner. */
  open(): Promise<string>
}

/** Keeps everything in Redis where a URL is given, and otherwise in a file, or in memory where SQLite cannot be had. */
export function exampleStorage({ redisUrl, file }: { redisUrl?: string; file: string }): ExampleStorage {
  let opening: Promise<Opened> | undefined
  const opened = () => {
    opening ??= redisUrl ? openRedis(redisUrl) : openFile(file)
    return opening
  }
  const storage = async () => (await opened()).storage
  return {
    open: async () => (await opened()).name,
    get: async (key) => (await storage()).get(key),
    set: async (key, value, options) => (await storage()).set(key, value, options),
    add: async (key, value, options) => (await storage()).add(key, value, options),
    take: async (key) => (await storage()).take(key),
    compareAndSet: async (key, version, value, options) =>
      (await storage()).compareAndSet(key, version, value, options),
    delete: async (key) => (await storage()).delete(key),
    list: async (name, options) => (await storage()).list(name, options),
    increment: async (key, options) => (await storage()).increment(key, options),
    check: async () => (await storage()).check?.(),
    close: async () => {
      const closing = await opening?.catch(() => undefined)
      await closing?.storage.close()
      closing?.end()
    },
  }
}

interface Opened {
  name: string
  storage: Storage
  /** Ends the connection that the adapter was given. */
  end(): void
}

async function openRedis(url: string): Promise<Opened> {
  const { host } = new URL(url)
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 3_000, maxRetriesPerRequest: 0 })
  // Without a listener each failed attempt would be printed; the command that needed it fails with the same error.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.ping()
  } catch (error) {
    client.disconnect()
    throw new SettingsError(`REDIS_URL: no Redis answers at ${host} (${(error as Error).message}).`)
  }
  return { name: `Redis at ${host}`, storage: redisStorage(client), end: () => client.disconnect() }
}

async function openFile(file: string): Promise<Opened> {
  // A native module: a platform without a binary of it still gets an example that runs.
  const libsql = await import('libsql').catch(() => undefined)
  if (!libsql) return { name: 'memory, until it stops', storage: memoryStorage(), end: () => {} }
  try {
    // It holds signing keys.
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const database = new libsql.default(file)
    return { name: `SQLite in ${file}`, storage: sqliteStorage(database), end: () => database.close() }
  } catch (error) {
    throw new SettingsError(
      `${file} cannot be opened (${(error as Error).message}). Start from a folder you can write to.`,
    )
  }
}
