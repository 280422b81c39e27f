import type { LoginPrompt } from '../server/identity-provider.js'

/** The `prompt` values that mean something here (OpenID Connect Core section 3.1.2.1); others are ignored. */
export const prompts: readonly string[] = ['none', 'login', 'consent', 'select_account']

/** What the person is to be asked again at the login, if anything: to sign in is more than to choose an account. */
export function loginPrompt(prompt: readonly string[]): LoginPrompt | undefined {
  return prompt.includes('login') ? 'login' : prompt.includes('select_account') ? 'select_account' : undefined
}

/** Whether a `prompt` value asks for a login even of someone who is signed in. */
export function wantsLogin(prompt: string): boolean {
  return prompt === 'login' || prompt === 'select_account'
}
