import {
  anyOf,
  callable,
  checkOptions,
  filledText,
  invalidConfiguration,
  isLoopbackIssuer,
  listOf,
  membersOf,
  type OptionTypes,
  optional,
  positive,
  text,
  textList,
  wrongOption,
} from '@mcp-gateway/core/internal'
import { createOAuthClient } from '@mcp-gateway/core/oauth-client'
import { createOutboundFetch, type OutboundFetch } from '@mcp-gateway/core/outbound'
import { beginAtProvider } from '../interaction/begin-at-provider.js'
import { loginFailure } from '../interaction/login-failure.js'
import type { IdentityProvider } from '../server/identity-provider.js'
import { type GithubAllow, isAllowed, isGithubAllow } from './github-allow.js'
import { createGithubApi } from './github-api.js'

/** Options of {@link github}. */
export interface GithubOptions {
  readonly clientId: string
  readonly clientSecret: string
  /** Who may sign in. A public issuer must say so; on loopback it is anyone by default. */
  readonly allow?: GithubAllow
  /** `https://github.com` by default; the address of a GitHub Enterprise Server. */
  readonly baseUrl?: string
  /** `https://api.github.com`, or `<baseUrl>/api/v3` for an Enterprise Server, by default. */
  readonly apiUrl?: string
  /** How requests are made; an outbound fetch of class `configured` by default. */
  readonly fetch?: OutboundFetch
}

const allowed = membersOf<Exclude<GithubAllow, string>>({
  users: optional(listOf(anyOf('a login, or the number of an account', text, positive))),
  organizations: optional(textList),
  teams: optional(textList),
})

const types: OptionTypes<GithubOptions> = {
  clientId: filledText,
  clientSecret: filledText,
  allow: optional((value, name) => {
    if (value !== 'anyone') allowed(value, name)
  }),
  baseUrl: optional(filledText),
  apiUrl: optional(filledText),
  fetch: optional(callable),
}

/**
 * Signs users in with GitHub. A user is GitHub's number for the account, which is never given to someone else, so the
 * subject is `github|<number>`; logins and e-mail addresses can be, and identify nobody. GitHub's token is used to ask who it
 * is, and not kept.
 *
 * Register `<issuer>/callback/github` as the callback of an OAuth app or a GitHub App.
 *
 * @throws {GatewayError} `invalid_configuration`; from `createAuthorizationServer` where a public issuer lets anyone in unasked
 * @example
 * ```ts
 * const identityProvider = github({ clientId, clientSecret, allow: { organizations: ['acme'] } })
 * ```
 */
export function github(options: GithubOptions): IdentityProvider {
  checkOptions('github', options, types)
  const { clientId, clientSecret, allow, baseUrl = 'https://github.com' } = options
  if (allow !== undefined && !isGithubAllow(allow)) {
    throw invalidConfiguration(
      "The `allow` of github() must be 'anyone' or { users?, organizations?, teams? } with at least one name, teams as 'organization/team'",
    )
  }
  for (const [name, address] of Object.entries({ baseUrl, apiUrl: options.apiUrl ?? baseUrl })) {
    if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
      throw wrongOption(`github: ${name}`, address, 'an https URL; http only on loopback')
    }
  }
  const fetch = options.fetch ?? createOutboundFetch({ destinations: 'configured' })
  const apiUrl = options.apiUrl ?? (baseUrl === 'https://github.com' ? 'https://api.github.com' : `${baseUrl}/api/v3`)
  const needsOrganizations = typeof allow === 'object' && (allow.organizations?.length || allow.teams?.length)
  const client = createOAuthClient({
    issuer: `${baseUrl}/login/oauth`,
    endpoints: { authorization: `${baseUrl}/login/oauth/authorize`, token: `${baseUrl}/login/oauth/access_token` },
    clientId,
    clientSecret,
    authentication: 'client_secret_post',
    scope: needsOrganizations ? 'read:user user:email read:org' : 'read:user user:email',
    fetch,
  })
  return {
    name: 'github',
    title: 'GitHub',
    validate(issuer) {
      if (allow === undefined && !isLoopbackIssuer(issuer)) {
        throw invalidConfiguration(
          `github() would let every GitHub account use ${issuer}: set \`allow\` to { users, organizations, teams }, or to 'anyone' if that is meant`,
        )
      }
    },
    // It knows no other value of `prompt`, and none of `ui_locales`
    begin: ({ uiLocales: _, ...request }) =>
      beginAtProvider(client, request, { prompts: ['select_account'], loginHint: 'login' }),
    async complete({ callbackUrl, state, memo = '', parameters }) {
      try {
        const { accessToken } = await client.complete({ redirectUri: callbackUrl, state, memo, parameters })
        const api = createGithubApi(apiUrl, accessToken, fetch)
        const { id, login, name, email } = await api.user()
        const user = { id: String(id), username: login, ...(name && { name }), ...(email && { email }) }
        if (await isAllowed(allow ?? 'anyone', { id, login }, api)) return { user }
        return { refused: 'access_denied', reason: `The GitHub account ${id} is not on the list` }
      } catch (error) {
        return loginFailure(error)
      }
    },
  }
}
