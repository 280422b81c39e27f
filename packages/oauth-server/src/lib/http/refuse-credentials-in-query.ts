import { Refusal } from '@mcp-gateway/core/internal'

const secrets = ['code', 'code_verifier', 'refresh_token', 'client_secret', 'client_assertion', 'token', 'access_token']

/** Credentials in a URL end up in logs; the parameters of these endpoints are the body's (RFC 6749 section 2.3.1). */
export function refuseCredentialsInQuery(request: Request): void {
  if (!request.url.includes('?')) return
  const { searchParams } = new URL(request.url)
  for (const name of secrets) {
    if (searchParams.has(name)) throw new Refusal(400, 'invalid_request', `Send ${name} in the body, never in the URL`)
  }
}
