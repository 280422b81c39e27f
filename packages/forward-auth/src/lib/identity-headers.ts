import { invalidConfiguration } from '@mcp-gateway/core/internal'

/** The names of the headers that tell the upstream who calls. */
export interface IdentityHeaderNames {
  /** The user (`sub`); `-` where a client acts for itself. `X-User-Id` by default. */
  readonly userId: string
  /**
   * The user's name.
   *
   * @default X-User-Name
   */
  readonly userName: string
  /**
   * The user's email address.
   *
   * @default X-User-Email
   */
  readonly userEmail: string
  /**
   * The user's roles, separated by commas.
   *
   * @default X-Roles
   */
  readonly roles: string
  /**
   * What the token allows, separated by spaces.
   *
   * @default X-Scopes
   */
  readonly scopes: string
  /**
   * The OAuth client.
   *
   * @default X-Client-Id
   */
  readonly clientId: string
}

const defaults: IdentityHeaderNames = {
  userId: 'X-User-Id',
  userName: 'X-User-Name',
  userEmail: 'X-User-Email',
  roles: 'X-Roles',
  scopes: 'X-Scopes',
  clientId: 'X-Client-Id',
}

/** Headers that mean something to a proxy, to HTTP or to MCP. */
const taken =
  /^(?:authorization|cookie|host|connection|content-.*|transfer-encoding|te|trailer|upgrade|origin|accept.*|dpop|forwarded|x-forwarded-.*|x-original-.*|mcp-.*|www-authenticate|set-cookie|cache-control|access-control-.*|vary|location)$/

/** @throws {GatewayError} `invalid_configuration` for a name that is unusable or used twice */
export function readHeaderNames(names: Partial<IdentityHeaderNames>, assertion: string): IdentityHeaderNames {
  const merged = { ...defaults }
  for (const name of Object.keys(defaults) as (keyof IdentityHeaderNames)[]) {
    Object.assign(merged, { [name]: names[name] ?? defaults[name] })
  }
  const seen = new Set<string>()
  for (const name of [...Object.values(merged), assertion]) {
    const lower = String(name).toLowerCase()
    if (!/^[a-z][a-z0-9-]{0,63}$/.test(lower) || taken.test(lower) || seen.has(lower)) {
      throw invalidConfiguration(
        `headers and assertion: the identity header ${JSON.stringify(name)} must be a name of letters, digits and hyphens that nothing else uses`,
      )
    }
    seen.add(lower)
  }
  return merged
}

/**
 * Tells spellings that an upstream may read as one of our headers although no proxy strips them: CGI and its heirs read
 * `X_User_Id` and, some of them, `x-user.id` as `X-User-Id` (CVE-2025-64484).
 */
export function variantMatcher(names: readonly string[]): (header: string) => boolean {
  const squeezed = new Set(names.map(squeeze))
  return (header) => unusual.test(header) && squeezed.has(squeeze(header))
}

const unusual = /[^a-zA-Z0-9-]/

function squeeze(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
}
