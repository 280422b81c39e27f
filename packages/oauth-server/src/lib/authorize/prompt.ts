/** Whether a `prompt` value asks for a login even of someone who is signed in (OpenID Connect Core section 3.1.2.1). */
export function wantsLogin(prompt: string): boolean {
  return prompt === 'login' || prompt === 'select_account'
}
