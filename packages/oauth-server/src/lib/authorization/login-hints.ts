import type { Parameters } from '../http/form.js'

/** What a client knows of the person who is going to sign in. The identity provider is told, nothing is decided by it. */
export interface LoginHints {
  readonly loginHint?: string
  readonly uiLocales?: string
}

/** The longest of each, in characters. */
const longest = 256

/** Reads the hints of an authorization request (OpenID Connect Core section 3.1.2.1); one that is no hint is left out. */
export function loginHints(query: Parameters): LoginHints {
  const loginHint = query.get('login_hint')
  const uiLocales = query.get('ui_locales')
  return {
    ...(loginHint && loginHint.length <= longest && !/\p{Cc}/u.test(loginHint) && { loginHint }),
    ...(uiLocales && uiLocales.length <= longest && /^[\w-]+(?: [\w-]+)*$/.test(uiLocales) && { uiLocales }),
  }
}

/** The parameters that say the same. */
export function hintParameters({ loginHint, uiLocales }: LoginHints): Record<string, string> {
  return {
    ...(loginHint !== undefined && { login_hint: loginHint }),
    ...(uiLocales !== undefined && { ui_locales: uiLocales }),
  }
}
