import {
  type AuthorizationServer,
  authorizationCodeGrantRequest,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  calculatePKCECodeChallenge,
  expectNoNonce,
  generateRandomCodeVerifier,
  generateRandomNonce,
  getValidatedIdTokenClaims,
  None,
  processAuthorizationCodeResponse,
  processRefreshTokenResponse,
  processUserInfoResponse,
  refreshTokenGrantRequest,
  type TokenEndpointResponse,
  userInfoRequest,
  validateApplicationLevelSignature,
  validateAuthResponse,
} from 'oauth4webapi'
import {
  callable,
  checkOptions,
  filledText,
  membersOf,
  type OptionTypes,
  oneOf,
  optional,
  text,
} from '../contract/option-types.js'
import { createOutboundFetch } from '../outbound/create-outbound-fetch.js'
import { OAuthClientError } from './oauth-client-error.js'
import type { OAuthClient, OAuthClientOptions, OAuthTokens } from './oauth-client-options.js'
import { requestOptions, serverMetadata } from './server-metadata.js'
import { toOAuthClientError } from './to-oauth-client-error.js'
import { readableTokenAnswer } from './token-answer.js'

export const oauthClientTypes: OptionTypes<OAuthClientOptions> = {
  issuer: filledText,
  endpoints: optional(
    membersOf<NonNullable<OAuthClientOptions['endpoints']>>({ authorization: filledText, token: filledText }),
  ),
  clientId: filledText,
  clientSecret: optional(filledText),
  authentication: optional(oneOf('client_secret_basic', 'client_secret_post')),
  scope: text,
  resource: optional(filledText),
  fetch: optional(callable),
}

interface Memo {
  readonly verifier: string
  readonly nonce: string
}

/**
 * A client of another authorization server or OpenID provider: the authorization code flow with PKCE, `iss` and, for
 * OpenID, a nonce and a checked ID token, its signature included. It keeps nothing between `begin` and `complete`, and
 * does not bind the flow to a browser: that is its caller's part.
 *
 * Its methods reject with an `OAuthClientError`.
 *
 * @throws {GatewayError} `invalid_configuration` for an issuer that is no https URL
 * @see RFC 6749, RFC 7636, RFC 9207, OpenID Connect Core
 * @example
 * ```ts
 * const client = createOAuthClient({ issuer: 'https://login.example.com', clientId, clientSecret, scope: 'openid profile' })
 * const { url, memo } = await client.begin({ redirectUri: 'https://mcp.example.com/callback/oidc', state })
 * ```
 */
export function createOAuthClient(options: OAuthClientOptions): OAuthClient {
  checkOptions('createOAuthClient', options, oauthClientTypes)
  const { issuer, clientId, clientSecret, authentication = 'client_secret_basic', scope, resource } = options
  const fetch = options.fetch ?? createOutboundFetch({ destinations: 'configured' })
  const request = requestOptions(issuer, fetch)
  const metadata = serverMetadata(options, fetch)
  const client: Client = { client_id: clientId }
  const auth: ClientAuth =
    clientSecret === undefined
      ? None()
      : authentication === 'client_secret_post'
        ? ClientSecretPost(clientSecret)
        : ClientSecretBasic(clientSecret)
  const target: Record<string, string> = resource === undefined ? {} : { resource }
  const openid = scope.split(' ').includes('openid')

  async function toTokens(
    server: AuthorizationServer,
    tokens: TokenEndpointResponse,
    from: Response,
  ): Promise<OAuthTokens> {
    const claims = getValidatedIdTokenClaims(tokens)
    // The ID token came over TLS from the provider itself; the signature is checked all the same.
    if (claims) await validateApplicationLevelSignature(server, from, request)
    return {
      accessToken: tokens.access_token,
      ...(tokens.refresh_token !== undefined && { refreshToken: tokens.refresh_token }),
      ...(tokens.expires_in !== undefined && { expiresIn: tokens.expires_in }),
      ...(tokens.scope !== undefined && { scope: tokens.scope }),
      ...(claims && { idToken: claims }),
    }
  }

  return {
    async begin({ redirectUri, state, parameters = {}, prompt = [] }) {
      const server = await metadata()
      if (!server.authorization_endpoint) {
        throw new OAuthClientError('invalid_response', `${issuer} has no authorization endpoint`)
      }
      const memo: Memo = { verifier: generateRandomCodeVerifier(), nonce: generateRandomNonce() }
      const url = new URL(server.authorization_endpoint)
      const shown = supportedPrompt(server, prompt)
      const query = {
        ...(shown !== undefined && { prompt: shown }),
        ...parameters,
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope,
        ...target,
        state,
        code_challenge: await calculatePKCECodeChallenge(memo.verifier),
        code_challenge_method: 'S256',
        ...(openid && { nonce: memo.nonce }),
      }
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
      return { url: url.href, memo: JSON.stringify(memo) }
    },

    async complete({ redirectUri, state, memo, parameters }) {
      const server = await metadata()
      const { verifier, nonce } = JSON.parse(memo) as Memo
      try {
        const answer = validateAuthResponse(server, client, parameters, state)
        const response = await authorizationCodeGrantRequest(server, client, auth, answer, redirectUri, verifier, {
          ...request,
          additionalParameters: target,
        })
        const answered = await readableTokenAnswer(response)
        const tokens = await processAuthorizationCodeResponse(server, client, answered, {
          expectedNonce: openid ? nonce : expectNoNonce,
          requireIdToken: openid,
        })
        return await toTokens(server, tokens, answered)
      } catch (error) {
        throw toOAuthClientError(error, 'Login')
      }
    },

    async refresh(refreshToken) {
      const server = await metadata()
      try {
        const response = await refreshTokenGrantRequest(server, client, auth, refreshToken, {
          ...request,
          additionalParameters: target,
        })
        const answered = await readableTokenAnswer(response)
        return await toTokens(server, await processRefreshTokenResponse(server, client, answered), answered)
      } catch (error) {
        throw toOAuthClientError(error, 'Refresh')
      }
    },

    async userInfo(accessToken, subject) {
      const server = await metadata()
      if (!server.userinfo_endpoint) return undefined
      try {
        const response = await userInfoRequest(server, client, accessToken, request)
        // Some providers want another token there, or none of theirs at all: then there is nothing to learn
        if (response.status >= 400 && response.status < 500 && response.status !== 429) return undefined
        if (response.status === 429 || response.status >= 500) {
          throw new OAuthClientError('temporarily_unavailable', `UserInfo: ${issuer} answered ${response.status}`)
        }
        const claims = await processUserInfoResponse(server, client, subject, response)
        if (isSigned(response)) await validateApplicationLevelSignature(server, response, request)
        return claims
      } catch (error) {
        throw toOAuthClientError(error, 'UserInfo')
      }
    },
  }
}

/** @see OpenID Connect Prompt Create, section 4: `prompt_values_supported` */
function supportedPrompt(
  { prompt_values_supported: supported }: AuthorizationServer,
  wanted: readonly string[],
): string | undefined {
  return Array.isArray(supported) ? wanted.find((value) => supported.includes(value)) : wanted[0]
}

/** A signed answer is a JWT; a plain one came over TLS from the provider itself. */
function isSigned(response: Response): boolean {
  return /^application\/jwt\b/i.test(response.headers.get('content-type') ?? '')
}
