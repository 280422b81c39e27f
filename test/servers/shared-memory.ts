import type { Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'

/** Memory that stands for a store which replicas share: what serves a public address refuses memory that says what it is. */
export function sharedMemory(options?: Parameters<typeof memoryStorage>[0]): Storage {
  return { ...memoryStorage(options), singleProcess: undefined }
}
