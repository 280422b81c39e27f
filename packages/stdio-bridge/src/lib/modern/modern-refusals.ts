import type { Message } from '@mcp-gateway/core'
import { errorCodes } from '@mcp-gateway/core/internal'
import { type Refusal, refuseWith } from '../refusal.js'

// MCP M7
export function unsupported(message: Message, supported: readonly string[]): Response {
  const requested = message.protocolVersion
  const text = `This server speaks ${supported.join(', ')}`
  return refuseWith(
    { status: 400, code: errorCodes.unsupportedVersion, message: text, data: { supported, requested } },
    message,
  )
}

export const tooManyRequests: Refusal = {
  status: 429,
  message: 'Too many of your requests wait for their answers',
  retryAfter: 1,
}

export const notKeepingUp: Refusal = {
  status: 503,
  message: 'The MCP server does not keep up with its input',
  retryAfter: 1,
}
