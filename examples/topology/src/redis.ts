import type { Storage } from '@mcp-gateway/core'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { Redis } from 'ioredis'
import { redisUrl } from './settings.js'

/** The Redis that all processes share. */
export function openRedis(): Storage {
  // Without it, a request waits for a Redis that is down until it comes back
  const client = new Redis(redisUrl, { maxRetriesPerRequest: 0 })
  client.on('error', ({ message }) => console.error(`Redis: ${message}`))
  return redisStorage(client)
}
