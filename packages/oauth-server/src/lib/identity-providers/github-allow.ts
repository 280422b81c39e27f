import type { GithubApi } from './github-api.js'

/** Who may sign in with GitHub: whoever is on one of the lists. */
export type GithubAllow =
  | 'anyone'
  | {
      /** Account numbers, which stay, or logins, which their owners can give up to someone else. */
      readonly users?: readonly (number | string)[]
      /** Organisations, by login. The app needs access to them. */
      readonly organizations?: readonly string[]
      /** Teams, as `organization/team-slug`. */
      readonly teams?: readonly string[]
    }

/** GitHub's own rule: letters, digits and single hyphens; Enterprise Managed Users have an underscore. */
const loginGrammar = /^[a-z0-9](?:[a-z0-9_-]{0,98}[a-z0-9])?$/i

/** Whether the option is one that lets someone in, and names only what can exist. */
export function isGithubAllow(allow: GithubAllow): boolean {
  if (typeof allow === 'string') return allow === 'anyone'
  const { users = [], organizations = [], teams = [] } = allow
  return (
    users.length + organizations.length + teams.length > 0 &&
    users.every((user) => (typeof user === 'number' ? Number.isSafeInteger(user) : loginGrammar.test(user))) &&
    organizations.every((organization) => loginGrammar.test(organization)) &&
    teams.every((team) => /^[a-z0-9][a-z0-9_-]*\/[a-z0-9][a-z0-9_.-]*$/i.test(team))
  )
}

/** Asks GitHub only what the lists need. Logins are compared without regard to ASCII case, as GitHub does. */
export async function isAllowed(
  allow: GithubAllow,
  { id, login }: { readonly id: number; readonly login: string },
  api: GithubApi,
): Promise<boolean> {
  if (allow === 'anyone') return true
  const { users = [], organizations = [], teams = [] } = allow
  const own = login.toLowerCase()
  if (users.some((user) => (typeof user === 'number' ? user === id : user.toLowerCase() === own))) return true
  for (const organization of organizations) if (await api.isMember(organization)) return true
  for (const team of teams) {
    const [organization = '', slug = ''] = team.split('/')
    if (await api.isTeamMember(organization, slug, login)) return true
  }
  return false
}
