/** RFC 6749 section 5.1. `expires_in` and `scope` are always there: clients rely on them. */
export interface TokenResponse {
  access_token: string
  token_type: 'Bearer'
  expires_in: number
  scope: string
  refresh_token?: string
}
