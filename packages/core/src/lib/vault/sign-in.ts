import type { AuthInfo } from '../contract/auth-info.js'
import { GatewayError } from '../contract/gateway-error.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { createOAuthClient } from '../oauth-client/create-oauth-client.js'
import { OAuthClientError } from '../oauth-client/oauth-client-error.js'
import type { OAuthClient } from '../oauth-client/oauth-client-options.js'
import { actorOf, principal } from '../tokens/principal.js'
import { withSubject } from '../tokens/subject.js'
import type { Session } from './browser.js'
import type { VaultSignIn } from './vault-options.js'

/** The sign-in of users at the issuer of the gateway's own tokens. */
export interface SignIn {
  begin: OAuthClient['begin']
  /** Who it is, under the same name as the user's access tokens have. */
  complete(answer: Parameters<OAuthClient['complete']>[0]): Promise<Session>
}

export function createSignIn(options: VaultSignIn): SignIn {
  const { verifier, subjectClaim, scope = 'openid' } = options
  if (verifier === undefined && !scope.split(' ').includes('openid')) {
    throw invalidConfiguration('signIn needs openid in its scope, or a verifier')
  }
  const client = createOAuthClient({ ...options, scope })
  return {
    begin: (flow) => client.begin(flow),
    async complete(answer) {
      const { accessToken, idToken } = await client.complete(answer)
      if (verifier !== undefined) {
        const auth = withSubject(await verifier.verifyAccessToken(accessToken).catch(notVerified), subjectClaim)
        return toSession(auth, auth.extra?.claims as Record<string, unknown> | undefined)
      }
      const subject = idToken?.[subjectClaim ?? 'sub']
      if (typeof subject !== 'string' || subject === '') {
        throw new OAuthClientError('invalid_response', `Sign-in: the ID token has no ${subjectClaim ?? 'sub'}`)
      }
      return toSession({ clientId: options.clientId, extra: { issuer: idToken?.iss, subject } }, idToken)
    },
  }
}

function notVerified(cause: unknown): never {
  const isAway = cause instanceof GatewayError && cause.code === 'temporarily_unavailable'
  const error = isAway ? 'temporarily_unavailable' : 'invalid_response'
  throw new OAuthClientError(error, 'Sign-in: the access token does not verify', { cause })
}

function toSession(
  auth: Pick<AuthInfo, 'clientId' | 'extra'>,
  claims: Readonly<Record<string, unknown>> = {},
): Session {
  // Who signs in at a browser is a user; one with the name of a client would get what the client has.
  if (actorOf(auth as AuthInfo)?.kind !== 'user') {
    throw new OAuthClientError(
      'invalid_response',
      'Sign-in: the token names no user; `subjectClaim` says where it does',
    )
  }
  const name = [claims.name, claims.preferred_username, claims.email, auth.extra?.subject].find(
    (value): value is string => typeof value === 'string' && value !== '',
  )
  return { principal: principal(auth as AuthInfo), name: (name ?? auth.clientId).slice(0, 200) }
}
