import type { Context, Logger } from '@mcp-gateway/core'
import type { AuthorizationServerEvent } from '@mcp-gateway/core/audit'

/** What can happen at an authorization server. */
export type AuthorizationEventType =
  | 'login'
  | 'login_failed'
  | 'consent'
  | 'denial'
  | 'token_issued'
  | 'token_refused'
  | 'token_revoked'
  | 'replay_found'
  | 'client_registered'
  | 'client_updated'
  | 'client_deleted'

/** Something that happened at an authorization server. It holds no code, token or secret. */
export interface AuthorizationEvent extends AuthorizationServerEvent {
  readonly type: AuthorizationEventType
  readonly issuer: string
}

/** Tells what happened, to the log and to the operator's function. */
export type Tell = (
  event: Omit<AuthorizationEvent, 'issuer' | 'requestId' | 'clientAddress'>,
  context?: Context,
) => void

/** Who hears of events. */
export interface TellOptions {
  readonly issuer: string
  readonly logger: Logger
  readonly onEvent?: (event: AuthorizationEvent) => void
  /** Makes of a user's `sub` what stands in the log. */
  readonly userHash: (subject: string) => string
}

const texts: Record<AuthorizationEventType, string> = {
  login: 'a user signed in',
  login_failed: 'a sign-in failed',
  consent: 'a user allowed a client',
  denial: 'a user refused a client',
  token_issued: 'tokens were issued',
  token_refused: 'tokens were refused',
  token_revoked: 'a grant was revoked',
  replay_found: 'a code or a refresh token was used again; its grant is revoked',
  client_registered: 'a client was registered',
  client_updated: 'a client was updated',
  client_deleted: 'a client was deleted',
}

const alarming: ReadonlySet<AuthorizationEventType> = new Set(['login_failed', 'replay_found'])

export function createTell({ issuer, logger, onEvent, userHash }: TellOptions): Tell {
  return (event, context = {}) => {
    const { type, clientId, subject, resource, scopes, grantType, provider, error, reason } = event
    const { requestId, client } = context
    const fields = {
      service: 'oauth-server',
      event: type,
      ...(requestId !== undefined && { request_id: requestId }),
      // A query may hold anything
      ...(clientId !== undefined && { client_id: clientId.split('?', 1)[0] }),
      ...(subject !== undefined && { user_sub: userHash(subject) }),
      ...(client?.address !== undefined && { client_address: client.address }),
      ...(resource !== undefined && { resource }),
      ...(scopes !== undefined && { scope: scopes.join(' ') }),
      ...(grantType !== undefined && { grant_type: grantType }),
      ...(provider !== undefined && { provider }),
      ...(error !== undefined && { error_code: error }),
      ...(reason !== undefined && { reason }),
    }
    const to = context.logger ?? logger
    if (alarming.has(type)) to.warn(fields, texts[type])
    else to.info(fields, texts[type])
    try {
      onEvent?.({
        ...event,
        issuer,
        ...(requestId !== undefined && { requestId }),
        ...(client?.address !== undefined && { clientAddress: client.address }),
      })
    } catch (thrown) {
      to.error({ service: 'oauth-server', err: thrown }, 'onEvent failed')
    }
  }
}
