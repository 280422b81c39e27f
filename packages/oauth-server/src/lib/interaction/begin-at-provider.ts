import type { OAuthClient } from '@mcp-gateway/core/oauth-client'
import type { LoginPrompt, LoginRequest, LoginStart } from '../server/identity-provider.js'
import { loginFailure } from './login-failure.js'

/** What the other site understands. */
export interface ProviderHabits {
  /** The values of `prompt` that it knows; those that its metadata names by default. */
  readonly prompts?: readonly LoginPrompt[]
  /** What it calls `login_hint`. */
  readonly loginHint?: string
  /** What else every request says. */
  readonly parameters?: Readonly<Record<string, string>>
}

/** Begins a login at another site over OAuth. */
export async function beginAtProvider(
  client: OAuthClient,
  { callbackUrl, state, prompt, loginHint, uiLocales }: LoginRequest,
  { prompts, loginHint: hintName = 'login_hint', parameters: fixed = {} }: ProviderHabits,
): Promise<LoginStart> {
  // Each makes the site ask somebody whom it knows already, so one will do where the other is not to be had
  const wanted: LoginPrompt[] =
    prompt === undefined ? [] : prompt === 'login' ? ['login', 'select_account'] : ['select_account', 'login']
  const known = prompts && wanted.find((value) => prompts.includes(value))
  const parameters = {
    ...fixed,
    ...(known !== undefined && { prompt: known }),
    ...(loginHint !== undefined && { [hintName]: loginHint }),
    ...(uiLocales !== undefined && { ui_locales: uiLocales }),
  }
  try {
    const flow = { redirectUri: callbackUrl, state, parameters, prompt: prompts === undefined ? wanted : [] }
    const { url, memo } = await client.begin(flow)
    return { redirect: url, memo }
  } catch (error) {
    return loginFailure(error)
  }
}
