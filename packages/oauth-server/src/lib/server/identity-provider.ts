/** A person, as an identity provider knows them. */
export interface User {
  /** What the provider never changes and never gives to someone else: a number or a UUID, not a name or an e-mail. */
  readonly id: string
  /** What the person is called there, such as a login name. Shown at consent, never used to identify. */
  readonly username?: string
  readonly name?: string
  /** Only if the provider verified it. */
  readonly email?: string
  readonly roles?: readonly string[]
  readonly groups?: readonly string[]
}

/** A field of a provider's own login form. */
export interface LoginField {
  readonly name: string
  readonly label: string
  /**
   * What is asked for; a password is not shown.
   *
   * @default text
   */
  readonly type?: 'text' | 'password' | 'email' | 'tel'
  /**
   * The HTML `autocomplete` token. `username` or `email` marks the account that attempts are counted by.
   *
   * @default off, and `current-password` for a password
   */
  readonly autocomplete?: string
}

/** What a person is asked again (OpenID Connect Core section 3.1.2.1). */
export type LoginPrompt = 'login' | 'select_account'

/** What a login needs to know about the authorization request it belongs to. */
export interface LoginRequest {
  /** Where the provider sends the browser back to; the same for every login with this provider. */
  readonly callbackUrl: string
  /** Unguessable, single use, bound to this browser. */
  readonly state: string
  /** Whether the person must be asked again, though the provider may still know them. */
  readonly fresh: boolean
  /** What is to be asked again: to sign in, or for which account. Absent unless `fresh`. */
  readonly prompt?: LoginPrompt
  /** Who the client says will sign in (OpenID Connect `login_hint`), at most 256 characters. Anybody may have written it. */
  readonly loginHint?: string
  /** The languages that the client says the person reads (OpenID Connect `ui_locales`): language tags, separated by spaces. */
  readonly uiLocales?: string
}

/** Why a login cannot go on; the client gets the error (RFC 6749 section 4.1.2.1), the reason is for the log. */
export interface LoginRefusal {
  readonly refused: 'access_denied' | 'server_error' | 'temporarily_unavailable'
  readonly reason: string
}

/** A form of a provider's own, which we put on a page. */
export interface LoginForm {
  readonly form: readonly LoginField[]
  /** What the button says. */
  readonly submit: string
  /** What else there is to know. */
  readonly note?: string
}

/** How a login begins: at another site, or with a form on a page of ours. */
export type LoginStart =
  | LoginRefusal
  | {
      readonly redirect: string
      /** Kept on the server until the browser comes back, such as a nonce and a code verifier. */
      readonly memo?: string
    }
  | LoginForm

/** What came back: the query of the callback, or the fields of the form. */
export interface LoginAnswer {
  readonly parameters: URLSearchParams
  readonly memo?: string
  readonly callbackUrl: string
  readonly state: string
}

/** How a login ends. */
export type LoginResult =
  | { readonly user: User }
  /** The form is shown again, with this message. */
  | { readonly again: string }
  | LoginRefusal

/** Says who the user is. The authorization server asks it once per login, after the person approved the client. */
export interface IdentityProvider {
  /** In subjects (`github|1234`) and in the callback path: lower-case letters, digits and hyphens. */
  readonly name: string
  /** For people: `GitHub`. */
  readonly title: string
  /** Whether the provider sends its answer as a form that is posted to the callback (`response_mode=form_post`). */
  readonly postsAnswer?: boolean
  /** Called at construction with the issuer; throws `invalid_configuration` if it cannot serve there. */
  validate?(issuer: string): void
  begin(request: LoginRequest): Promise<LoginStart>
  complete(answer: LoginAnswer): Promise<LoginResult>
}
