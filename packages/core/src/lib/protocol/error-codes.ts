/** The error codes of JSON-RPC (section 5.1) and of MCP. */
export const errorCodes = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** Of some servers of the legacy era; the protocol has none for this. */
  sessionNotFound: -32001,
  /** Of the legacy era; the modern one says {@link errorCodes.invalidParams}. */
  resourceNotFound: -32002,
  /** A header is missing, or differs from the body (MCP M8, M10). */
  headerMismatch: -32020,
  /** The client has not declared what the request needs (MCP M15). */
  missingCapability: -32021,
  /** MCP M7 */
  unsupportedVersion: -32022,
  /** The user has to visit a page first. Of revision 2025-11-25 alone. */
  urlElicitationRequired: -32042,
} as const

/** The HTTP status of a modern answer that has this error code, or none (MCP M7, M8, M14, M15). */
export function statusOfCode(code: number | undefined): number {
  switch (code) {
    case errorCodes.methodNotFound:
      return 404
    case errorCodes.parseError:
    case errorCodes.invalidRequest:
    case errorCodes.headerMismatch:
    case errorCodes.missingCapability:
    case errorCodes.unsupportedVersion:
      return 400
    default:
      return 200
  }
}

/** Whether only a server of the modern era answers with this code. */
export function isModernCode(code: number): boolean {
  const { headerMismatch, missingCapability, unsupportedVersion } = errorCodes
  return code === headerMismatch || code === missingCapability || code === unsupportedVersion
}

/**
 * The gateway's own code for what it answers with this HTTP status. It lies outside the range that JSON-RPC and MCP keep
 * for themselves (-32768 to -32000).
 */
export function gatewayCode(status: number): number {
  return -31000 - status
}

/** Whether an error is the gateway's own and not the server's. */
export function isGatewayCode(code: number): boolean {
  return code <= gatewayCode(400) && code > -32000
}
