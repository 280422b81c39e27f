import type { OAuthClient } from '@mcp-gateway/core/oauth-client'
import type { LoginRequest, LoginStart } from '../server/identity-provider.js'
import { loginFailure } from './login-failure.js'

/**
 * Begins a login at another site over OAuth.
 *
 * @param freshPrompt the `prompt` that makes the site ask again whom it knows already
 */
export async function beginAtProvider(
  client: OAuthClient,
  { callbackUrl, state, fresh }: LoginRequest,
  freshPrompt: string,
): Promise<LoginStart> {
  const parameters: Record<string, string> = fresh ? { prompt: freshPrompt } : {}
  try {
    const { url, memo } = await client.begin({ redirectUri: callbackUrl, state, parameters })
    return { redirect: url, memo }
  } catch (error) {
    return loginFailure(error)
  }
}
