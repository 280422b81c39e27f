import { errorCodes } from '@mcp-gateway/core/internal'
import type { Ending } from '../process/child.js'
import type { FailureReason } from './peer.js'

const texts: Record<FailureReason, string> = {
  exited: 'The MCP server process ended before it answered; the call may or may not have had its effect',
  timeout: 'The MCP server did not answer in time',
  answer_too_large: 'The answer of the MCP server is larger than the bridge passes on',
  answer_unreadable:
    'The answer of the MCP server is not JSON in UTF-8 on one line; its operator finds it in the log, at level debug',
  closed: 'The session was closed before the MCP server answered',
}

/** The `error` of a request that the child will not answer. */
export function failureError(reason: FailureReason, ending: Ending | undefined): Buffer {
  const data = {
    reason,
    ...(typeof ending?.code === 'number' ? { exitCode: ending.code } : {}),
    ...(typeof ending?.signal === 'string' ? { signal: ending.signal } : {}),
  }
  return Buffer.from(JSON.stringify({ code: errorCodes.internalError, message: texts[reason], data }))
}
