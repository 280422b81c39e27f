/** What an authorization server tells of something that happened there. It holds no code, token or secret. */
export interface AuthorizationServerEvent {
  readonly type: string
  /** Of the authorization server; `subject` is unique within it only. */
  readonly issuer?: string
  readonly clientId?: string
  /** The `sub` of tokens, such as `github|1234`. */
  readonly subject?: string
  readonly resource?: string
  readonly scopes?: readonly string[]
  /** Of tokens that were issued or refused. */
  readonly grantType?: string
  /** The identity provider, of logins. */
  readonly provider?: string
  /** The OAuth error that the client got. */
  readonly error?: string
  /** Why, for the operator. */
  readonly reason?: string
  /** Of the request in which it happened. */
  readonly requestId?: string
  readonly clientAddress?: string
}
