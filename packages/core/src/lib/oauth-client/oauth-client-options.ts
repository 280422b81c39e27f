import type { OutboundFetch } from '../outbound/bounded-fetch.js'

/** Options of `createOAuthClient`. */
export interface OAuthClientOptions {
  /** The other server's issuer identifier. Its metadata is read from there, unless `endpoints` are given. */
  readonly issuer: string
  /** For servers without metadata. */
  readonly endpoints?: { readonly authorization: string; readonly token: string }
  readonly clientId: string
  /** Absent for public clients. */
  readonly clientSecret?: string
  /**
   * How the secret is sent.
   *
   * @default client_secret_basic
   */
  readonly authentication?: 'client_secret_basic' | 'client_secret_post'
  /** What to ask for, separated by spaces. With `openid` in it an ID token is demanded and checked. */
  readonly scope: string
  /** What the tokens are for (RFC 8707), where the server wants to know; in every request of the flow. */
  readonly resource?: string
  /** How requests are made; an outbound fetch of class `configured` by default. */
  readonly fetch?: OutboundFetch
}

/** A flow that begins. */
export interface OAuthFlow {
  /** Where to send the browser. */
  readonly url: string
  /** Keep it on this side until the browser is back, and hand it to `complete`. */
  readonly memo: string
}

/** What the other server gave. */
export interface OAuthTokens {
  readonly accessToken: string
  readonly refreshToken?: string
  /** Seconds. */
  readonly expiresIn?: number
  /** As the server wrote it. */
  readonly scope?: string
  /** The checked claims of the ID token. */
  readonly idToken?: Readonly<Record<string, unknown>> & { readonly sub: string }
}

/** The authorization code flow of one client at one other server. */
export interface OAuthClient {
  /**
   * @param flow.state unguessable and bound to the browser by the caller
   * @param flow.parameters what else to send, such as `login_hint`
   * @param flow.prompt what would do as `prompt`, the best first: sent is the first that the server says it supports, and
   *   the first of all where its metadata has no `prompt_values_supported`
   */
  begin(flow: {
    redirectUri: string
    state: string
    parameters?: Readonly<Record<string, string>>
    prompt?: readonly string[]
  }): Promise<OAuthFlow>
  /** @param answer.parameters the query of the callback */
  complete(answer: {
    redirectUri: string
    state: string
    memo: string
    parameters: URLSearchParams
  }): Promise<OAuthTokens>
  /** Trades a refresh token in. */
  refresh(refreshToken: string): Promise<OAuthTokens>
  /**
   * Asks the provider's UserInfo endpoint about the user of an access token (OpenID Connect Core section 5.3).
   *
   * @param subject the `sub` of the ID token; an answer about somebody else is refused
   * @returns `undefined` where the provider has no such endpoint or does not let this token ask
   */
  userInfo(accessToken: string, subject: string): Promise<Readonly<Record<string, unknown>> | undefined>
}
