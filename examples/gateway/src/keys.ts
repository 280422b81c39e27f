import type { Storage } from '@mcp-gateway/core'
import { type ApiKeys, createApiKeys } from '@mcp-gateway/core/api-keys'
import { createLogger } from '@mcp-gateway/core/logging'

/** The API keys of the example: those of programs, which the command `keys` makes. */
export const exampleKeys = (storage: Storage): ApiKeys =>
  createApiKeys({ storage, prefix: 'example', logger: createLogger({ level: 'warn' }) })
