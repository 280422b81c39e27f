import type { TokenProfile } from '@mcp-gateway/core'
import {
  callable,
  checkOptions,
  filledText,
  invalidConfiguration,
  listOf,
  membersOf,
  type OptionTypes,
  oneOf,
  optional,
  text,
} from '@mcp-gateway/core/internal'
import { createOAuthClient } from '@mcp-gateway/core/oauth-client'
import type { OutboundFetch } from '@mcp-gateway/core/outbound'
import { beginAtProvider } from '../interaction/begin-at-provider.js'
import { loginFailure } from '../interaction/login-failure.js'
import type { IdentityProvider, LoginPrompt, User } from '../server/identity-provider.js'

/** The claims of an ID token. */
export type IdTokenClaims = Readonly<Record<string, unknown>>

/** Options of {@link oidc}. */
export interface OidcOptions {
  /** The provider's issuer identifier, such as `https://login.example.com/realms/acme`. */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: string
  /**
   * How the secret is sent.
   *
   * @default client_secret_basic
   */
  readonly authentication?: 'client_secret_basic' | 'client_secret_post'
  /**
   * In subjects and in the callback path, `/callback/<name>`. Never change it: users would be others.
   *
   * @default oidc
   */
  readonly name?: string
  /** For people, on the consent page; the issuer's host by default. */
  readonly title?: string
  /** `openid profile email` by default. */
  readonly scope?: string
  /** Who may sign in; everyone whom the provider lets in by default. */
  readonly allow?: (user: User, claims: IdTokenClaims) => boolean
  /**
   * Where the provider puts who the user is, their roles and their groups, as a preset of `@mcp-gateway/core/presets` has
   * it: `{ ...keycloak({ issuer }), clientId, clientSecret }`. Whom a preset lets in is about access tokens and not looked
   * at; here that is `allow`.
   */
  readonly profile?: Pick<TokenProfile, 'subject' | 'roles' | 'groups'>
  /** Reads roles and groups from the claims; as `profile` says, or from `roles` and `groups`, by default. */
  readonly roles?: (claims: IdTokenClaims) => readonly string[]
  readonly groups?: (claims: IdTokenClaims) => readonly string[]
  /**
   * The values of `prompt` that the provider knows, out of `login`, to sign in again, and `select_account`, to choose another
   * account. Where it does not know the one that is wanted, it is sent the other, and without any nothing.
   *
   * @default what the provider's metadata says (`prompt_values_supported`), both where it says nothing; for Google, which
   * knows no `login` and does not say so, `select_account`
   */
  readonly prompts?: readonly LoginPrompt[]
  /**
   * How the provider sends its answer: in the query of the callback, or as a form that is posted there, as Apple demands for
   * the scopes `name` and `email`. The posted form is read, and its code goes on to the callback in the query.
   *
   * @default query
   */
  readonly responseMode?: 'query' | 'form_post'
  /** How requests are made; an outbound fetch of class `configured` by default. */
  readonly fetch?: OutboundFetch
}

const types: OptionTypes<OidcOptions> = {
  issuer: filledText,
  clientId: filledText,
  clientSecret: optional(filledText),
  authentication: optional(oneOf('client_secret_basic', 'client_secret_post')),
  name: optional(filledText),
  title: optional(text),
  scope: optional(text),
  allow: optional(callable),
  profile: optional(
    membersOf<NonNullable<OidcOptions['profile']>>({
      subject: optional(callable),
      roles: optional(callable),
      groups: optional(callable),
    }),
  ),
  roles: optional(callable),
  groups: optional(callable),
  prompts: optional(listOf(oneOf('login', 'select_account'), "a list of 'login' and 'select_account'")),
  responseMode: optional(oneOf('query', 'form_post')),
  fetch: optional(callable),
}

const google = 'https://accounts.google.com'

/**
 * Signs users in with any OpenID provider that has discovery: Keycloak, Entra ID, Okta, Google and others. A user is the
 * provider's `sub`; an e-mail address is taken over only if the provider verified it. What the ID token does not tell is asked
 * of the UserInfo endpoint, where OpenID Connect puts it by default. No token of the provider is kept.
 *
 * Register `<issuer of the authorization server>/callback/<name>` as the redirect URI there.
 *
 * @throws {GatewayError} `invalid_configuration` for an issuer that is no https URL
 * @see OpenID Connect Core, OpenID Connect Discovery
 * @example
 * ```ts
 * const identityProvider = oidc({ issuer: 'https://login.example.com/realms/acme', clientId, clientSecret })
 * ```
 */
export function oidc(options: OidcOptions): IdentityProvider {
  checkOptions('oidc', options, types)
  const { issuer, name = 'oidc', scope = 'openid profile email', allow = () => true } = options
  const { profile = {}, responseMode, prompts = issuer === google ? ['select_account'] : undefined } = options
  const { roles = strings(profile.roles, 'roles'), groups = strings(profile.groups, 'groups') } = options
  const { subject = ({ sub }: IdTokenClaims) => sub } = profile
  if (!scope.split(' ').includes('openid')) {
    throw invalidConfiguration('The `scope` of oidc() must include openid')
  }
  const client = createOAuthClient({ ...options, scope })
  return {
    name,
    title: options.title ?? new URL(issuer).host,
    ...(responseMode === 'form_post' && { postsAnswer: true }),
    begin: (request) =>
      beginAtProvider(client, request, {
        prompts,
        ...(responseMode === 'form_post' && { parameters: { response_mode: responseMode } }),
      }),
    async complete({ callbackUrl, state, memo = '', parameters }) {
      try {
        const { idToken, accessToken } = await client.complete({ redirectUri: callbackUrl, state, memo, parameters })
        if (!idToken) return { refused: 'server_error', reason: 'No ID token' }
        const read = (claims: IdTokenClaims) => userOf(subject(claims), claims, roles(claims), groups(claims))
        let claims: IdTokenClaims = idToken
        let user = read(claims)
        if (lacksSome(user)) {
          claims = withUserInfo(idToken, (await client.userInfo(accessToken, idToken.sub)) ?? {})
          user = read(claims)
        }
        if (user.id === undefined) return { refused: 'server_error', reason: 'No one in the ID token' }
        const known = { ...user, id: user.id }
        return allow(known, claims)
          ? { user: known }
          : { refused: 'access_denied', reason: 'The user is not on the list' }
      } catch (error) {
        return loginFailure(error)
      }
    },
  }
}

/** What both tell, the signed token tells. Whether an e-mail address is verified says who tells the address. */
function withUserInfo(idToken: IdTokenClaims, userInfo: IdTokenClaims): IdTokenClaims {
  const { email_verified } = idToken.email === undefined ? userInfo : idToken
  return { ...userInfo, ...idToken, email_verified }
}

function userOf(
  id: unknown,
  claims: IdTokenClaims,
  roles: readonly string[],
  groups: readonly string[],
): Omit<User, 'id'> & { readonly id?: string } {
  const text = (name: string): string | undefined => {
    const value = claims[name]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  // Some providers write the boolean as a string
  const isVerified = claims.email_verified === true || claims.email_verified === 'true'
  return {
    ...(typeof id === 'string' && id !== '' && { id }),
    username: text('preferred_username'),
    name: text('name'),
    ...(isVerified && { email: text('email') }),
    ...(roles.length > 0 && { roles }),
    ...(groups.length > 0 && { groups }),
  }
}

/**
 * Whether UserInfo may know more. By OpenID Connect Core section 5.4 the claims of `profile` and `email` are told there, and the ID
 * token need not carry them when there is an access token.
 */
function lacksSome({ id, username, name, email, roles, groups }: Partial<User>): boolean {
  return [id, username, name, email].includes(undefined) || (roles === undefined && groups === undefined)
}

function strings(read: TokenProfile['roles'], name: string): (claims: IdTokenClaims) => readonly string[] {
  return (claims) => {
    const value = read ? read(claims) : claims[name]
    if (typeof value === 'string' && value !== '') return [value]
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
  }
}
