import type { Message } from '@mcp-gateway/core'
import { errorCodes } from '@mcp-gateway/core/internal'
import { errorResponse } from '../refusals/refusal-response.js'

// MCP M7
export function unsupported(message: Message, supported: readonly string[]): Response {
  const requested = message.protocolVersion
  const text = `This server speaks ${supported.join(', ')}`
  return errorResponse(
    { status: 400, code: errorCodes.unsupportedVersion, message: text, data: { supported, requested } },
    message,
  )
}
