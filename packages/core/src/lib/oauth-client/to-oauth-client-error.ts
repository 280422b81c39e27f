import { AuthorizationResponseError, OperationProcessingError, ResponseBodyError } from 'oauth4webapi'
import { GatewayError } from '../contract/gateway-error.js'
import { OAuthClientError } from './oauth-client-error.js'

/** Sorts what a step of a flow threw into what the other server said, what cannot be believed, and outages. */
export function toOAuthClientError(error: unknown, step: string): OAuthClientError {
  if (error instanceof OAuthClientError) return error
  if (error instanceof AuthorizationResponseError) {
    return new OAuthClientError(error.error, `${step}: the other server said ${error.error}`, { cause: error })
  }
  if (error instanceof ResponseBodyError) {
    if (error.status >= 500) return unavailable(error, step)
    return new OAuthClientError(error.error, `${step}: the other server said ${error.error}`, { cause: error })
  }
  if (error instanceof GatewayError && error.code === 'temporarily_unavailable') return unavailable(error, step)
  if (error instanceof OperationProcessingError && isServerFault(error.cause)) return unavailable(error, step)
  const message = error instanceof Error ? error.message : String(error)
  return new OAuthClientError('invalid_response', `${step}: ${message}`, { cause: error })
}

/** Whether it is a response that says so. `Response` may be another class than when the response was made. */
function isServerFault(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'status' in cause && Number(cause.status) >= 500
}

function unavailable(cause: unknown, step: string): OAuthClientError {
  return new OAuthClientError('temporarily_unavailable', `${step}: the other server does not answer`, { cause })
}
