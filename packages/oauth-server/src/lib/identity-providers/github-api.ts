import { GatewayError } from '@mcp-gateway/core'
import { gatewayInfo } from '@mcp-gateway/core/internal'
import { OAuthClientError } from '@mcp-gateway/core/oauth-client'
import type { OutboundFetch } from '@mcp-gateway/core/outbound'

/** What GitHub says about the account. */
export interface GithubUser {
  readonly id: number
  readonly login: string
  readonly name?: string
  /** The primary address, if it is verified. */
  readonly email?: string
}

/** The few questions that a login asks of GitHub's REST API. */
export interface GithubApi {
  user(): Promise<GithubUser>
  /** Whether the account is an active member. */
  isMember(organization: string): Promise<boolean>
  isTeamMember(organization: string, team: string, login: string): Promise<boolean>
}

/** @throws {OAuthClientError}, from its methods, when GitHub does not answer or makes no sense */
export function createGithubApi(apiUrl: string, accessToken: string, fetch: OutboundFetch): GithubApi {
  async function get(path: string): Promise<unknown> {
    const headers = {
      Accept: 'application/vnd.github+json',
      Authorization: `Bearer ${accessToken}`,
      // GitHub refuses requests without one
      'User-Agent': gatewayInfo.name,
      'X-GitHub-Api-Version': '2022-11-28',
    }
    try {
      const response = await fetch(`${apiUrl}${path}`, { headers })
      if (response.status === 200) return await response.json()
      if (response.status === 403) throwForbidden(response.headers, await response.text(), path)
      if (response.status === 404 || response.status === 403) return undefined
      const error = response.status >= 500 || response.status === 429 ? 'temporarily_unavailable' : 'invalid_response'
      throw new OAuthClientError(error, `GitHub answered ${response.status} at ${path}`)
    } catch (error) {
      if (error instanceof OAuthClientError) throw error
      const outage = error instanceof GatewayError && error.code === 'temporarily_unavailable'
      const code = outage ? 'temporarily_unavailable' : 'invalid_response'
      throw new OAuthClientError(code, `GitHub could not be asked at ${path}`, { cause: error })
    }
  }

  const isActive = (membership: unknown): boolean =>
    typeof membership === 'object' && membership !== null && 'state' in membership && membership.state === 'active'

  return {
    async user() {
      const user = (await get('/user')) as Partial<GithubUser> | undefined
      if (!Number.isSafeInteger(user?.id) || typeof user?.login !== 'string') {
        throw new OAuthClientError('invalid_response', 'GitHub did not say who it is')
      }
      const emails = await get('/user/emails')
      const primary = (Array.isArray(emails) ? emails : []).find(
        (each) => each?.primary === true && each.verified === true,
      )
      return {
        id: user.id as number,
        login: user.login,
        ...(typeof user.name === 'string' && user.name !== '' && { name: user.name }),
        ...(typeof primary?.email === 'string' && { email: primary.email }),
      }
    },
    isMember: async (organization) => isActive(await get(`/user/memberships/orgs/${encodeURIComponent(organization)}`)),
    isTeamMember: async (organization, team, login) =>
      isActive(
        await get(
          `/orgs/${encodeURIComponent(organization)}/teams/${encodeURIComponent(team)}/memberships/${encodeURIComponent(login)}`,
        ),
      ),
  }
}

/**
 * A 403 of GitHub is no answer about the account where a rate limit or an organization's single sign-on is the reason.
 *
 * @see GitHub REST API: rate limits, and troubleshooting of SAML single sign-on
 */
function throwForbidden(headers: Headers, body: string, path: string): void {
  const isLimited =
    headers.get('x-ratelimit-remaining') === '0' || headers.has('retry-after') || /\brate limit\b/i.test(body)
  if (isLimited) {
    throw new OAuthClientError('temporarily_unavailable', `GitHub limits its requests at ${path}; try again later`)
  }
  if (headers.has('x-github-sso') || /\bSAML\b/.test(body)) {
    throw new OAuthClientError(
      'access_denied',
      'The organization wants SAML single sign-on: sign in to it at GitHub, authorize this application there, and try again',
    )
  }
}
