import {
  type Client,
  ClientSecretBasic,
  ClientSecretPost,
  genericTokenEndpointRequest,
  processGenericTokenEndpointResponse,
  type TokenEndpointResponse,
} from 'oauth4webapi'
import { GatewayError } from '../contract/gateway-error.js'
import { callable, filledText, type OptionTypes, oneOf, optional, text } from '../contract/option-types.js'
import { requestOptions, serverMetadata } from '../oauth-client/server-metadata.js'
import { toOAuthClientError } from '../oauth-client/to-oauth-client-error.js'
import { readableTokenAnswer } from '../oauth-client/token-answer.js'
import type { OutboundFetch } from '../outbound/bounded-fetch.js'
import { createOutboundFetch } from '../outbound/create-outbound-fetch.js'
import type { IssuedToken } from './token-cache.js'

/** Who gives the tokens for an upstream, and as whom the gateway asks. */
export interface UpstreamIssuerOptions {
  /** The issuer identifier; its metadata is read from there, unless `tokenEndpoint` is given. */
  readonly issuer: string
  /** For issuers without metadata. */
  readonly tokenEndpoint?: string
  /** The gateway's own client at that issuer. */
  readonly clientId: string
  readonly clientSecret: string
  /**
   * How the secret is sent.
   *
   * @default client_secret_basic
   */
  readonly authentication?: 'client_secret_basic' | 'client_secret_post'
  /** What the token must allow, separated by spaces. */
  readonly scope?: string
  /** The upstream as the issuer knows it (RFC 8707). */
  readonly resource?: string
  /** How requests are made; an outbound fetch of class `configured` by default. */
  readonly fetch?: OutboundFetch
}

export const upstreamIssuerTypes: OptionTypes<UpstreamIssuerOptions> = {
  issuer: filledText,
  tokenEndpoint: optional(filledText),
  clientId: filledText,
  clientSecret: filledText,
  authentication: optional(oneOf('client_secret_basic', 'client_secret_post')),
  scope: optional(text),
  resource: optional(filledText),
  fetch: optional(callable),
}

/** Asks a token endpoint with one kind of grant. */
export type RequestToken = (parameters: Readonly<Record<string, string>>) => Promise<IssuedToken>

/** What an answer must be to be believed. */
export interface ExpectedToken {
  /** `token_type` in lower case. RFC 6750 is the one scheme that the proxy speaks; a DPoP-bound token would be refused. */
  readonly tokenType: 'bearer' | 'n_a'
  /** Throws for an answer that is not what was asked for. */
  readonly check?: (answer: TokenEndpointResponse) => void
}

/** @throws {GatewayError} `invalid_configuration` for an issuer that is no https URL, or a client without a secret */
export function tokenEndpoint(
  grantType: string,
  options: UpstreamIssuerOptions,
  { tokenType, check }: ExpectedToken = { tokenType: 'bearer' },
): RequestToken {
  const { issuer, clientId, clientSecret, authentication, scope, resource } = options
  const fetch = options.fetch ?? createOutboundFetch({ destinations: 'configured' })
  const request = requestOptions(issuer, fetch)
  const endpoints = options.tokenEndpoint && { authorization: issuer, token: options.tokenEndpoint }
  const metadata = serverMetadata({ issuer, ...(endpoints ? { endpoints } : {}) }, fetch)
  const client: Client = { client_id: clientId }
  const auth =
    authentication === 'client_secret_post' ? ClientSecretPost(clientSecret) : ClientSecretBasic(clientSecret)
  const fixed = { ...(scope === undefined ? {} : { scope }), ...(resource === undefined ? {} : { resource }) }

  return async (parameters) => {
    try {
      const server = await metadata()
      const all = { ...fixed, ...parameters }
      const response = await readableTokenAnswer(
        await genericTokenEndpointRequest(server, client, auth, grantType, all, request),
      )
      const tokens = await processGenericTokenEndpointResponse(server, client, response, {
        recognizedTokenTypes: { [tokenType]: () => {} },
      })
      if (tokens.token_type !== tokenType) throw new Error(`The token's type is ${tokens.token_type}, not ${tokenType}`)
      check?.(tokens)
      return {
        value: tokens.access_token,
        ...(tokens.expires_in === undefined ? {} : { expiresIn: tokens.expires_in }),
      }
    } catch (error) {
      const cause = toOAuthClientError(error, 'Token for the upstream')
      const code = cause.error === 'temporarily_unavailable' ? 'temporarily_unavailable' : 'outbound_refused'
      throw new GatewayError(code, cause.message, { cause })
    }
  }
}
