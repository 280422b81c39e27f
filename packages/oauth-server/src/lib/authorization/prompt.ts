/** The `prompt` values that mean something here (OpenID Connect Core section 3.1.2.1); others are ignored. */
export const prompts: readonly string[] = ['none', 'login', 'consent', 'select_account']

/** Whether a `prompt` value asks for a login even of someone who is signed in. */
export function wantsLogin(prompt: string): boolean {
  return prompt === 'login' || prompt === 'select_account'
}
