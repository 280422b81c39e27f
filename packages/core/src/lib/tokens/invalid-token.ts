import { GatewayError } from '../contract/gateway-error.js'

/**
 * The refusal of a token. It tells the developer of the server why; the client only learns that the token is not valid.
 *
 * @param why continues "The token …"
 */
export function invalidToken(why: string, cause?: unknown): GatewayError {
  return new GatewayError('invalid_token', `The token ${why}`, { cause })
}

/**
 * The same where something of the token is not what it must be. Both are in the `cause`, for the log, and never in the
 * message, which some applications pass on to clients.
 */
export function unlike(why: string, seen: unknown, expected?: unknown): GatewayError {
  return invalidToken(why, { seen, expected })
}
